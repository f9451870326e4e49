// Two TCP sockets connected to each other over loopback, as most tests need them, and what the kernel says of
// them.
#pragma once

#include <sys/socket.h>

#include "net/socket.h"
#include "tests/check.h"

namespace ktls::test {

inline net::SocketPair tcp_pair() {
  Result<net::SocketPair> pair = net::loopback_pair();
  CHECK_OK(pair);
  return std::move(*pair);
}

// A pair that TCP, too, takes for one on the same machine: where that stood still for a moment, it may not.
inline net::SocketPair near_pair() {
  for (;;) {
    net::SocketPair pair = tcp_pair();
    if (net::is_same_machine(pair.first.get()) && net::is_same_machine(pair.second.get())) return pair;
  }
}

// SO_SNDBUF or SO_RCVBUF, as the kernel counts.
inline int buffer_size(int fd, int option) {
  int size = 0;
  socklen_t length = sizeof size;
  CHECK_EQ(getsockopt(fd, SOL_SOCKET, option, &size, &length), 0);
  return size;
}

}  // namespace ktls::test

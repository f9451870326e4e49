// Two TCP sockets connected to each other over loopback, as most tests need them.
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

}  // namespace ktls::test

// Files and ranges that go through the kernel's record layer.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <thread>

#include "tests/tls_file_support.h"

namespace ktls::test {

inline const ConnectionOptions kKernel = {.kernel = KernelPolicy::require};
inline const ConnectionOptions kUser = {.kernel = KernelPolicy::off};

// Calls `step` until it has moved `length` bytes, on a thread of its own while this one reads them.
template <typename Step>
Buffer carry_by(Connection& from, Connection& to, size_t length, Step step) {
  Status failure;
  std::thread sender([&] {
    for (size_t sent = 0; sent < length;) {
      Result<size_t> moved = step(sent);
      if (moved.ok()) {
        sent += *moved;
      } else if (moved.is(Code::would_block)) {
        pollfd watched = {from.fd(), POLLOUT, 0};
        poll(&watched, 1, 10000);
      } else {
        failure = moved.status();
        return;
      }
    }
    while (from.flush().is(Code::would_block)) usleep(1000);
  });
  Buffer all = read_exactly(to, length);
  sender.join();
  CHECK_OK(failure);
  return all;
}

}  // namespace ktls::test

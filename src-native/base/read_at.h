// Reading a file at a place of one's own.
#pragma once

#include <errno.h>
#include <unistd.h>

#include "base/bytes.h"

namespace ktls {

// As pread(2), which no signal ends.
inline ssize_t read_at(int fd, MutableBytes into, off_t offset) {
  ssize_t got;
  do {
    got = pread(fd, into.data(), into.size(), offset);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace ktls

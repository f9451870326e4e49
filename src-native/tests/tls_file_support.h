// Files to be sent, and what arrives of them.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include "tests/tls_connection_support.h"

namespace ktls::test {

inline Fd file_of(Bytes content) {
  char name[] = "/tmp/ktls_test.XXXXXX";
  Fd file(mkostemp(name, O_CLOEXEC));
  CHECK(static_cast<bool>(file));
  unlink(name);
  CHECK_EQ(write(file.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
  return file;
}

// A full read of exactly `length` bytes.
inline Buffer read_exactly(Connection& connection, size_t length) {
  Buffer all(length);
  for (size_t got = 0; got < length;) {
    Result<size_t> more = read_after_wait(connection, MutableBytes(all).subspan(got));
    CHECK_OK(more);
    got += *more;
  }
  return all;
}

}  // namespace ktls::test

// What is carried of a directory entry besides its content.
#pragma once

#include <cstdint>

namespace ktls::fs {

struct Metadata {
  uint32_t mode = 0;  // permission bits, 07777
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t mtime_seconds = 0;
  uint32_t mtime_nanoseconds = 0;
};

}  // namespace ktls::fs

// What is carried of a directory entry besides its content.
#pragma once

#include <sys/stat.h>

#include <cstdint>

namespace ktls::fs {

struct Metadata {
  uint32_t mode = 0;  // permission bits, 07777
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t mtime_seconds = 0;
  uint32_t mtime_nanoseconds = 0;

  static Metadata of(const struct stat& file) {
    return {file.st_mode & 07777u, file.st_uid, file.st_gid, file.st_mtim.tv_sec,
            static_cast<uint32_t>(file.st_mtim.tv_nsec)};
  }
  static Metadata of(const struct statx& file) {
    return {file.stx_mode & 07777u, file.stx_uid, file.stx_gid, file.stx_mtime.tv_sec,
            file.stx_mtime.tv_nsec};
  }
  bool operator==(const Metadata&) const = default;
};

}  // namespace ktls::fs

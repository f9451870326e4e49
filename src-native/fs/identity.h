// Which inode it is.
#pragma once

#include <sys/stat.h>

namespace ktls::fs {

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;

  static Identity of(const struct stat& attributes) { return {attributes.st_dev, attributes.st_ino}; }
  bool operator==(const Identity&) const = default;
};

}  // namespace ktls::fs

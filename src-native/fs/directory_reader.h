// The raw listing of a directory: getdents64 into a large buffer that is used again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/status.h"

namespace ktls::fs {

class DirectoryReader {
 public:
  struct Item {
    const char* name;    // NUL-terminated; valid until the next call
    unsigned char type;  // DT_…; DT_UNKNOWN where the file system does not say
  };

  DirectoryReader();

  // Starts over with another directory, from where its descriptor stands. `fd` is borrowed.
  void start(int fd);
  // The next item but "." and ".."; nothing at the end.
  Result<std::optional<Item>> next();

 private:
  std::unique_ptr<char[]> buffer_;
  int fd_ = -1;
  size_t filled_ = 0;
  size_t position_ = 0;
};

}  // namespace ktls::fs

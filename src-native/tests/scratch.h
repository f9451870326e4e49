// A folder of a test's own.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "fs/remove.h"
#include "tests/check.h"

namespace ktls::test {

// Removed at the end with all that is in it, however deep.
class Scratch {
 public:
  Scratch() {
    std::string pattern = std::filesystem::temp_directory_path() / "ktls-test-XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  ~Scratch() {
    struct stat attributes;
    if (stat(path_.c_str(), &attributes) != 0) return;
    (void)fs::remove_tree(AT_FDCWD, path_.c_str(), fs::Identity::of(attributes));
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace ktls::test

// Which inodes with several names the walk has met, and under which name first.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "fs/walk.h"

namespace ktls::fs {

// Holds an inode until all of its names were met.
class HardLinks {
 public:
  // Makes `entry`, a file with the attributes `file`, a hard_link when its inode was met before;
  // remembers it otherwise, and says so in `entry`.
  void resolve(const struct statx& file, const std::shared_ptr<const Directory>& directory, Entry& entry);

  size_t size() const { return known_.size(); }

 private:
  struct Key {
    uint64_t device;
    uint64_t inode;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const { return key.inode * 0x9e3779b97f4a7c15u ^ key.device; }
  };
  struct Known {
    std::shared_ptr<const Directory> directory;
    std::string name;
    uint32_t names_left;
    // An inode number is given away again after its last name is gone: its birth tells them apart.
    int64_t birth_seconds;
    uint32_t birth_nanoseconds;
  };

  std::unordered_map<Key, Known, Hash> known_;
};

}  // namespace ktls::fs

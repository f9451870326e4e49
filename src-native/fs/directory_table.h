// The directories of a transfer that is being received: their place in the tree, and a bounded number
// of open descriptors.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "fs/directory_budget.h"
#include "fs/identity.h"
#include "fs/metadata.h"
#include "fs/temporary_name.h"

namespace ktls::fs {

// An open directory. Stays open while somebody holds it, cached or not.
struct DirectoryHandle {
  Fd fd;
  // It, or a directory that contains it, is still under a temporary name.
  bool staged = false;
  // What openat is told as mode is what the file gets, but for the umask: no default ACL interferes.
  bool exact_mode = false;
  Identity identity;
};

struct DirectoryNode {
  uint32_t parent = 0;
  uint32_t depth = 0;      // 0 for the anchor
  uint64_t temporary = 0;  // number of the temporary name that it is under; 0 when under its own
  std::string name;
  Metadata metadata;
  bool has_metadata = false;
  bool staged = false;  // new in this transfer
  bool exact_mode = false;
  // What it had before it was opened up to be written to, and gets again where nothing else is set.
  std::optional<uint32_t> locked_mode;
  Identity identity;
};

class DirectoryTable {
 public:
  using Handle = std::shared_ptr<const DirectoryHandle>;

  // `anchor` is the directory that was there already and that all others are below: never closed.
  // Of the others at most `max_open` are kept open, and no more than DirectoryBudget lets.
  DirectoryTable(uint32_t anchor_id, Handle anchor, size_t max_open, const TemporaryNames& names);

  enum class Presence : uint8_t { absent, same, different };
  // Whether `id` is known, with the same parent and name.
  Presence find(uint32_t id, uint32_t parent, const std::string& name) const;
  size_t size() const;
  // Precondition: `id` is absent and `node.parent` known. Sets the depth.
  void add(uint32_t id, DirectoryNode node, Handle handle);
  // Sets it the first time only.
  void set_metadata(uint32_t id, const Metadata& metadata);

  // What is said of an id that is not in the table.
  static Status unknown(uint32_t id);
  // Cheap when the directory is open. Otherwise it is opened again by names, beneath the nearest
  // directory that is open, and must still be the same inode, else ESTALE. protocol when `id` is
  // unknown.
  Result<Handle> open(uint32_t id);

  // Relative to directory 0. What lies above that is named from the anchor.
  std::string path_of(uint32_t id, const std::string& name) const;

  // Precondition of the rest: nobody else uses the table.
  std::vector<uint32_t> deepest_first() const;
  const DirectoryNode& node(uint32_t id) const { return nodes_.at(id); }
  // It has its own name now.
  void settle(uint32_t id) { nodes_.at(id).temporary = 0; }
  void set_locked_mode(uint32_t id, std::optional<uint32_t> mode) { nodes_.at(id).locked_mode = mode; }

 private:
  struct Step {
    uint32_t id;
    const DirectoryNode* node;  // nodes do not move, and only set_metadata() changes them meanwhile
  };

  Result<Handle> open_step(const DirectoryHandle& from, const std::vector<std::string>& names,
                           const Step& to);
  std::string disk_name(const DirectoryNode& node) const;
  Handle cached(uint32_t id);
  void cache(uint32_t id, Handle handle);

  const uint32_t anchor_id_;
  const Handle anchor_;
  const TemporaryNames& names_;

  // Guards everything below. Never held during a system call, but for close() of what is evicted.
  mutable std::mutex mutex_;
  std::unordered_map<uint32_t, DirectoryNode> nodes_;
  using Recent = std::list<std::pair<uint32_t, Handle>>;
  DirectoryBudget budget_;
  Recent recent_;  // the most recently used first
  std::unordered_map<uint32_t, Recent::iterator> open_;
};

}  // namespace ktls::fs

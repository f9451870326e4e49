// A streaming walk of a tree: directories first, then what is in them, in batches of one directory
// each, with memory that depends on depth and on the widest directory's sub-directories, never on
// the number of files, and with a bounded number of descriptors, whatever the depth. Every call is
// relative to a directory descriptor.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "fs/identity.h"
#include "fs/metadata.h"

namespace ktls::fs {

// A directory that the walk has met. It holds no descriptor (its batches do), so that keeping one, and
// with it its parents, costs nothing but memory.
struct Directory {
  uint32_t id;                              // dense, from 0 (the root) in the order met
  std::shared_ptr<const Directory> parent;  // null for the root
  std::string name;                         // one component; empty for the root
  Metadata metadata;

  // Of an entry in it, relative to the root, for messages; of itself when `entry` is empty ("" for the root).
  std::string path_of(const std::string& entry) const;
};

enum class EntryKind : uint8_t { file, symlink, hard_link };

struct Entry {
  EntryKind kind;
  std::string name;
  uint64_t size;  // bytes, of files, when the walk looked: the sender looks again
  Metadata metadata;
  std::optional<Identity> linked;  // file: of the inode whose further names are links to this
  std::string target;              // symlink: its content
  std::shared_ptr<const Directory> link_directory;  // hard_link: where the first name of the inode is
  std::string link_name;
};

// Something that is not sent, and why.
struct Skip {
  std::string path;  // relative to the root, not to the batch's directory
  Status reason;     // system (errno), or file_type for devices, sockets and FIFOs
};

// Batches of a directory follow one another; only one without entries may come again later, to carry
// what was skipped.
struct Batch {
  std::shared_ptr<const Directory> directory;
  std::shared_ptr<const Fd> fd;  // of `directory`; closes with the last batch that holds it
  std::vector<Entry> entries;    // none for an empty directory
  std::vector<Skip> skipped;
};

struct WalkOptions {
  size_t batch_entries = 128;
  uint64_t batch_bytes = uint64_t{4} << 20;
};

class Walk {
 public:
  // `root` is the user's own and may be a symlink; `below` comes from a peer that pulls: components
  // relative to it, confined by openat2 with RESOLVE_BENEATH. The walk itself follows no symlink.
  // ENOTDIR when it is no directory.
  static Result<std::unique_ptr<Walk>> open(const std::string& root, const std::vector<std::string>& below,
                                            const WalkOptions& options);
  virtual ~Walk() = default;

  // The next batch, or nothing at the end. Every directory has at least one. A directory that cannot
  // be read is reported in `skipped` of a batch, not as an error; running out of descriptors or of
  // memory is an error.
  virtual Result<std::optional<Batch>> next() = 0;
};

}  // namespace ktls::fs

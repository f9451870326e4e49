// Where received trees go: confined below a root, nothing unfinished under a final name.
//
// Rules that every call keeps:
// - A name off the wire is one component: not empty, not "." or "..", no '/', no NUL, at most 255
//   bytes; and not one of our own temporary names. Else unsafe_path, before any system call.
// - Every system call is relative to a directory descriptor; symlinks below the root are never
//   followed, whoever made them (openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
//   RESOLVE_NO_MAGICLINKS where a path has several components, O_NOFOLLOW where it has one).
// - What is new (a directory, or a file, in a directory that was there before) is made under a
//   temporary name in its final parent and renamed: a file by finish(), a directory tree by
//   commit(), once. Inside a directory that is itself still under a temporary name, entries have
//   their final names at once.
// - Thread-safe: the connections of one transfer share a sink. A FileSink belongs to one thread at
//   a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/status.h"
#include "fs/metadata.h"

namespace ktls::fs {

enum class Sync : uint8_t { none, end, file };

struct SinkOptions {
  bool overwrite = true;   // false: an existing file is left alone and Code::exists is returned
  bool ownership = false;  // set uid and gid
  Sync sync = Sync::none;
  uint32_t max_directories = uint32_t{1} << 22;
  // Descriptors kept open for directories; all sinks together use at most a quarter of RLIMIT_NOFILE.
  size_t max_open_directories = 512;
};

class FileSink;

// Told of each directory whose owner, mode or time somebody else, or the file system, does not let us set.
using AttributesRefused = std::function<void(Status)>;

class Sink {
 public:
  // `root` is trusted (the user's own option; its missing parents are made). `below` comes from the
  // peer: components relative to it, each checked. Directory id 0 is root/below. Nothing of the
  // file system is touched before this call.
  static Result<std::shared_ptr<Sink>> open(const std::string& root, const std::vector<std::string>& below,
                                            const SinkOptions& options);
  // discard()s unless commit() succeeded.
  virtual ~Sink() = default;

  // ENOTDIR when something that is no directory, a symlink included, has the name.
  // Idempotent: the same id with the same parent and name again is ok (several connections announce
  // the directories they need); with another is Code::protocol. Id 0 exists from the start and may be
  // announced to set the root's metadata. Metadata is set by commit().
  virtual Status add_directory(uint32_t id, uint32_t parent, const std::string& name,
                               const Metadata& metadata) = 0;

  // Makes a file to be written. `size` is what the peer says: preallocated only from 1 MiB on, and at
  // most 1 GiB for all files that are open.
  virtual Result<std::unique_ptr<FileSink>> create_file(uint32_t directory, const std::string& name,
                                                        uint64_t size) = 0;
  // A small file whole, in as few system calls as can be: the hot path. EISDIR where a directory has
  // the name.
  virtual Status write_file(uint32_t directory, const std::string& name, Bytes content,
                            const Metadata& metadata) = 0;
  virtual Status symlink(uint32_t directory, const std::string& name, const std::string& target,
                         const Metadata& metadata) = 0;
  virtual Status hard_link(uint32_t directory, const std::string& name, uint32_t target_directory,
                           const std::string& target_name) = 0;

  // Renames what is staged into place, sets the directories' metadata deepest first, syncs if told so.
  // Where a directory has appeared under a final name meanwhile, what is staged is merged into it. A
  // directory whose attributes are refused is none the less put into place, a new one closed to all others.
  // To be called once, when nothing else uses the sink. Polls `cancel` between steps. Stops at the first
  // other failure: what is in place by then stays, the rest is still staged.
  virtual Status commit(const Cancel& cancel, const AttributesRefused& refused) = 0;
  // Removes everything that is under a temporary name. Files finished in directories that were there
  // before stay. To be called when nothing else uses the sink; a FileSink that is still there removes its
  // own file.
  virtual void discard() = 0;

  // For messages: "a/b/name" relative to directory 0.
  virtual std::string path_of(uint32_t directory, const std::string& name) const = 0;
};

// A file under a temporary name, or in a staged directory. Destroyed without finish(), it is removed.
class FileSink {
 public:
  virtual ~FileSink() = default;
  virtual int fd() const = 0;
  // At the file's current position, all of it.
  virtual Status write(Bytes data) = 0;
  // Leaves the position alone: several threads may write their parts at once.
  virtual Status write_at(Bytes data, uint64_t offset) = 0;
  // Metadata by descriptor, then the final name. Cuts the file to `size`.
  virtual Status finish(uint64_t size, const Metadata& metadata) = 0;
};

}  // namespace ktls::fs

#include "fs/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "base/fd.h"
#include "fs/attributes.h"
#include "fs/beneath.h"
#include "fs/directory_reader.h"
#include "fs/rename.h"
#include "fs/unlock.h"

namespace ktls::fs {

namespace {

// One level at which both sides have a directory.
struct Level {
  std::string name;  // of the directory that stays
  Fd from;
  Fd to;
  Metadata metadata;               // of the directory that came
  std::vector<std::string> names;  // still to be moved
};

class Merge {
 public:
  Merge(const MergeOptions& options, const Cancel& cancel, const AttributesRefused& refused)
      : options_(options), cancel_(cancel), refused_(refused) {}

  Status run(int parent, const std::string& from, const std::string& to) {
    KTLS_TRY(enter(parent, from, parent, to));
    while (!levels_.empty()) {
      if (cancel_.is_set()) return Status::of(Code::cancelled);
      if (levels_.back().names.empty()) {
        KTLS_TRY(finish_level(parent, from));
        continue;
      }
      std::string name = std::move(levels_.back().names.back());
      levels_.back().names.pop_back();
      KTLS_TRY(move_entry(name));
    }
    return Status();
  }

 private:
  Status enter(int from_parent, const std::string& from, int to_parent, const std::string& to) {
    Result<Fd> target = open_directory(to_parent, to.c_str());
    if (!target.ok()) return at(to, std::move(target).status());
    Result<Unlocked> source = open_unlocked(from_parent, from.c_str());
    if (!source.ok()) return at(to, std::move(source).status());
    return push(to, std::move(*source), std::move(*target));
  }

  Status push(const std::string& name, Unlocked from, Fd to) {
    Level level{name, std::move(from.fd), std::move(to), Metadata::of(from.before), {}};
    reader_.start(level.from.get());
    for (;;) {
      Result<std::optional<DirectoryReader::Item>> item = reader_.next();
      if (!item.ok()) return at(name, std::move(item).status());
      if (!item->has_value()) break;
      level.names.emplace_back((*item)->name);
    }
    levels_.push_back(std::move(level));
    return Status();
  }

  Status finish_level(int parent, const std::string& from) {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    Status status = set_directory_attributes(level.to.get(), level.metadata, options_.ownership);
    if (is_refusal(status)) {
      refused_(at(level.name, std::move(status)));
    } else if (!status.ok()) {
      return at(level.name, std::move(status));
    }
    bool top = levels_.empty();
    int container = top ? parent : levels_.back().from.get();
    if (unlinkat(container, (top ? from : level.name).c_str(), AT_REMOVEDIR) == 0) return Status();
    return at(level.name, Status::system("unlinkat", errno));
  }

  Status move_entry(const std::string& name) {
    int from = levels_.back().from.get();
    int to = levels_.back().to.get();
    Status moved = rename_new(from, name.c_str(), to, name.c_str());
    if (moved.error_number() == EACCES) moved = move_locked_directory(name, std::move(moved));
    if (moved.ok()) return Status();
    if (moved.error_number() != EEXIST) return at(name, std::move(moved));

    Result<Unlocked> source = open_unlocked(from, name.c_str());
    Result<Fd> target = open_directory(to, name.c_str());
    if (source.ok() && target.ok()) return push(name, std::move(*source), std::move(*target));
    if (source.ok()) return at(name, std::move(target).status());
    if (target.ok()) return at(name, Status::system("renameat", EISDIR));
    if (!options_.overwrite) {
      return at(name, Status::fail(Code::exists, "it appeared while the tree was received"));
    }
    if (renameat(from, name.c_str(), to, name.c_str()) == 0) return Status();
    return at(name, Status::system("renameat", errno));
  }

  // A directory that changes its parent must be writable itself, for its "..".
  Status move_locked_directory(const std::string& name, Status refused) {
    int from = levels_.back().from.get();
    Result<Unlocked> directory = open_unlocked(from, name.c_str());
    if (!directory.ok()) return refused;
    Status moved = rename_new(from, name.c_str(), levels_.back().to.get(), name.c_str());
    KTLS_TRY(set_directory_attributes(directory->fd.get(), Metadata::of(directory->before), false));
    return moved;
  }

  Status at(const std::string& name, Status status) const {
    std::string path;
    for (const Level& level : levels_) path += level.name + '/';
    return std::move(std::move(status).with_path(path + name));
  }

  const MergeOptions options_;
  const Cancel& cancel_;
  const AttributesRefused& refused_;
  DirectoryReader reader_;
  std::vector<Level> levels_;
};

}  // namespace

Status merge_directory(int parent, const std::string& from, const std::string& to,
                       const MergeOptions& options, const Cancel& cancel, const AttributesRefused& refused) {
  return Merge(options, cancel, refused).run(parent, from, to);
}

}  // namespace ktls::fs

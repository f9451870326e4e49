#include "fs/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "fs/directory_reader.h"
#include "fs/name.h"
#include "fs/unlock.h"

namespace ktls::fs {

namespace {

// A peer cannot have made such a name: see check_name().
constexpr std::string_view kMovedPrefix = ".ktls-transfer-removed-";

// A directory that is not empty is first moved to the top, under a number: so none is ever more than
// one level deep when its turn comes, and depth costs no descriptors.
class Removal {
 public:
  explicit Removal(Fd top) : top_(std::move(top)) {}

  Status run() {
    empty(top_.get());
    while (!moved_.empty()) {
      std::string name = moved_name(moved_.back());
      moved_.pop_back();
      Result<Unlocked> directory = open_unlocked(top_.get(), name.c_str());
      if (!directory.ok()) {
        note(std::move(directory).status());
        continue;
      }
      empty(directory->fd.get());
      if (unlinkat(top_.get(), name.c_str(), AT_REMOVEDIR) != 0) note(Status::system("unlinkat", errno));
    }
    return std::move(first_);
  }

 private:
  static std::string moved_name(uint64_t number) {
    return std::string(kMovedPrefix) + std::to_string(number);
  }

  void empty(int directory) {
    reader_.start(directory);
    for (;;) {
      Result<std::optional<DirectoryReader::Item>> item = reader_.next();
      if (!item.ok()) return note(std::move(item).status());
      if (!item->has_value()) return;
      note(remove_entry(directory, (*item)->name));
    }
  }

  Status remove_entry(int directory, const char* name) {
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return Status();
    // Linux says EISDIR of a directory, POSIX EPERM.
    if (errno != EISDIR && errno != EPERM) return Status::system("unlinkat", errno);
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0) return Status();
    if (errno != ENOTEMPTY && errno != EEXIST) return Status::system("unlinkat", errno);
    // What is moved to the top while the top is listed may be met there: its turn comes.
    if (directory == top_.get() && std::string_view(name).starts_with(kMovedPrefix)) return Status();
    return move_up(directory, name);
  }

  Status move_up(int directory, const char* name) {
    uint64_t number = next_++;
    std::string to = moved_name(number);
    if (renameat(directory, name, top_.get(), to.c_str()) != 0) {
      // A directory that changes its parent must be writable itself, for its "..".
      if (errno != EACCES) return Status::system("renameat", errno);
      Result<Unlocked> unlocked = open_unlocked(directory, name);
      if (!unlocked.ok()) return std::move(unlocked).status();
      if (renameat(directory, name, top_.get(), to.c_str()) != 0) return Status::system("renameat", errno);
    }
    moved_.push_back(number);
    return Status();
  }

  void note(Status status) {
    if (first_.ok()) first_ = std::move(status);
  }

  const Fd top_;
  DirectoryReader reader_;
  std::vector<uint64_t> moved_;
  uint64_t next_ = 0;
  Status first_;
};

}  // namespace

Status remove_tree(int parent, const char* name, Identity identity) {
  struct stat attributes;
  if (fstatat(parent, name, &attributes, AT_SYMLINK_NOFOLLOW) != 0) return Status::system("fstatat", errno);
  if (Identity::of(attributes) != identity) return Status::system("fstatat", ESTALE);
  Result<Unlocked> top = open_unlocked(parent, name);
  if (!top.ok()) return std::move(top).status();
  // It may have been replaced in between.
  if (Identity::of(top->before) != identity) return Status::system("openat", ESTALE);
  KTLS_TRY(Removal(std::move(top->fd)).run());
  if (unlinkat(parent, name, AT_REMOVEDIR) != 0) return Status::system("unlinkat", errno);
  return Status();
}

}  // namespace ktls::fs

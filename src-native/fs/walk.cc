#include "fs/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>

#include "base/exhaustion.h"
#include "fs/beneath.h"
#include "fs/directory_reader.h"
#include "fs/hard_links.h"
#include "fs/identity.h"
#include "fs/name.h"

namespace ktls::fs {

namespace {

const char* type_name(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
      return "a character device";
    case S_IFBLK:
      return "a block device";
  }
  return "a file of unknown type";
}

// Descriptors that the walk keeps for the directories on the current path.
size_t descriptor_budget() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
  return std::clamp<size_t>(limit.rlim_cur / 8, 16, 512);
}

// A directory on the path from the root to the current one.
struct Level {
  std::shared_ptr<const Directory> directory;
  // Closed when no sub-directory needs it any more, and when the path has grown beyond the budget: then
  // opened again by name.
  std::shared_ptr<const Fd> fd;
  Identity identity;
  std::string names;  // of the sub-directories, each ended by a NUL
  size_t next = 0;    // where in `names`

  bool done() const { return next == names.size(); }
};

class TreeWalk final : public Walk {
 public:
  TreeWalk(Fd root, const WalkOptions& options)
      : options_(options), budget_(descriptor_budget()), root_(std::make_shared<const Fd>(std::move(root))) {}

  Status start() { return enter(root_, nullptr, ""); }
  Result<std::optional<Batch>> next() override;

 private:
  Status enter(std::shared_ptr<const Fd> fd, std::shared_ptr<const Directory> parent, std::string name);
  Result<Batch> read_batch();
  Status read_entry(const DirectoryReader::Item& item, Batch& batch);
  Status read_file(const char* name, const struct statx& attributes, Batch& batch);
  Status read_symlink(const char* name, const struct statx& attributes, Batch& batch);
  Status descend();
  void leave();
  Status reopen(size_t level);
  void close(Level& level);
  void close_beyond_budget();

  const WalkOptions options_;
  const size_t budget_;
  const std::shared_ptr<const Fd> root_;
  std::shared_ptr<const Directory> root_directory_;
  DirectoryReader reader_;
  HardLinks hard_links_;
  std::vector<Level> path_;
  size_t open_ = 0;        // levels with a descriptor
  size_t first_open_ = 1;  // no level before this one has one but the root
  bool listing_ = false;   // the last level is still being read
  uint32_t next_id_ = 0;
  std::vector<Skip> skipped_;  // directories that could not be read, not yet handed out
};

Result<std::optional<Batch>> TreeWalk::next() {
  while (!listing_ && !path_.empty() && skipped_.size() < options_.batch_entries) KTLS_TRY(descend());
  if (!listing_) {
    if (skipped_.empty()) return std::optional<Batch>();
    return std::optional(Batch{root_directory_, root_, {}, std::exchange(skipped_, {})});
  }
  Result<Batch> batch = read_batch();
  if (!batch.ok()) return std::move(batch).status();
  return std::optional(std::move(*batch));
}

// Makes `fd` the current directory.
Status TreeWalk::enter(std::shared_ptr<const Fd> fd, std::shared_ptr<const Directory> parent,
                       std::string name) {
  struct statx attributes;
  if (statx(fd->get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &attributes) != 0) {
    return Status::system("statx", errno);
  }
  reader_.start(fd->get());
  Level level;
  level.identity = {makedev(attributes.stx_dev_major, attributes.stx_dev_minor), attributes.stx_ino};
  level.directory = std::make_shared<const Directory>(
      Directory{next_id_++, std::move(parent), std::move(name), Metadata::of(attributes)});
  level.fd = std::move(fd);
  if (path_.empty()) root_directory_ = level.directory;
  path_.push_back(std::move(level));
  open_++;
  close_beyond_budget();
  listing_ = true;
  return Status();
}

Result<Batch> TreeWalk::read_batch() {
  const Level& level = path_.back();
  Batch batch{level.directory, level.fd, {}, std::exchange(skipped_, {})};
  uint64_t bytes = 0;
  while (batch.entries.size() + batch.skipped.size() < options_.batch_entries &&
         bytes < options_.batch_bytes) {
    Result<std::optional<DirectoryReader::Item>> item = reader_.next();
    if (!item.ok() && is_exhaustion(item.status().error_number())) return std::move(item).status();
    if (!item.ok()) batch.skipped.push_back({level.directory->path_of({}), item.status()});
    if (!item.ok() || !item->has_value()) {
      listing_ = false;
      if (path_.back().done()) leave();
      break;
    }
    size_t before = batch.entries.size();
    Status status = read_entry(**item, batch);
    if (!status.ok()) {
      if (is_exhaustion(status.error_number())) return status;
      batch.skipped.push_back({batch.directory->path_of((*item)->name), std::move(status)});
    }
    if (batch.entries.size() > before) bytes += batch.entries.back().size;
  }
  return batch;
}

Status TreeWalk::read_entry(const DirectoryReader::Item& item, Batch& batch) {
  // No receiver takes one (check_name), and who reads the tree while another transfer writes into it meets
  // some.
  if (std::string_view(item.name).starts_with(kTemporaryPrefix)) {
    return Status::fail(Code::file_type, "what another transfer has not finished is not sent");
  }
  // Its attributes are read by descriptor, once it is open.
  if (item.type == DT_DIR) {
    path_.back().names.append(item.name, strlen(item.name) + 1);
    return Status();
  }
  struct statx attributes;
  if (statx(batch.fd->get(), item.name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
            STATX_BASIC_STATS | STATX_BTIME, &attributes) != 0) {
    return Status::system("statx", errno);
  }
  switch (attributes.stx_mode & S_IFMT) {
    case S_IFREG:
      return read_file(item.name, attributes, batch);
    case S_IFLNK:
      return read_symlink(item.name, attributes, batch);
    case S_IFDIR:
      path_.back().names.append(item.name, strlen(item.name) + 1);
      return Status();
    default:
      return Status::fail(Code::file_type, std::string(type_name(attributes.stx_mode)) + " is not sent");
  }
}

Status TreeWalk::read_file(const char* name, const struct statx& attributes, Batch& batch) {
  Entry& entry = batch.entries.emplace_back();
  entry.kind = EntryKind::file;
  entry.name = name;
  entry.size = attributes.stx_size;
  entry.metadata = Metadata::of(attributes);
  hard_links_.resolve(attributes, batch.directory, entry);
  return Status();
}

Status TreeWalk::read_symlink(const char* name, const struct statx& attributes, Batch& batch) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(batch.fd->get(), name, target, sizeof target);
  if (length < 0) return Status::system("readlinkat", errno);
  // A target that fills the buffer may have been cut.
  if (length == sizeof target) return Status::system("readlinkat", ENAMETOOLONG);
  Entry& entry = batch.entries.emplace_back();
  entry.kind = EntryKind::symlink;
  entry.name = name;
  entry.size = 0;
  entry.metadata = Metadata::of(attributes);
  entry.target.assign(target, static_cast<size_t>(length));
  return Status();
}

// Into the next sub-directory of the last level, or back out of it.
Status TreeWalk::descend() {
  if (!path_.back().fd) KTLS_TRY(reopen(path_.size() - 1));
  Level& level = path_.back();
  if (level.done()) {
    leave();
    return Status();
  }
  std::string name = level.names.c_str() + level.next;
  level.next += name.size() + 1;
  Result<Fd> fd = open_directory(level.fd->get(), name.c_str());
  if (!fd.ok()) {
    if (is_exhaustion(fd.status().error_number())) return std::move(fd).status();
    skipped_.push_back({level.directory->path_of(name), std::move(fd).status()});
    if (level.done()) leave();
    return Status();
  }
  if (level.done()) close(level);
  return enter(std::make_shared<const Fd>(std::move(*fd)), level.directory, std::move(name));
}

// Drops the last level, and those above it that have nothing left.
void TreeWalk::leave() {
  do {
    close(path_.back());
    path_.pop_back();
  } while (!path_.empty() && path_.back().done());
  first_open_ = std::clamp<size_t>(path_.size(), 1, first_open_);
}

// Opens a level again, and those above it as far as the budget goes, so that a way back of any length
// costs few such walks. A directory that is no longer where it was is reported and left out.
Status TreeWalk::reopen(size_t wanted) {
  size_t from = wanted;
  while (from > 0 && !path_[from].fd) from--;
  std::shared_ptr<const Fd> at = path_[from].fd ? path_[from].fd : root_;
  for (size_t index = from + 1; index <= wanted; index++) {
    Level& level = path_[index];
    Result<Fd> next = open_directory(at->get(), level.directory->name.c_str());
    Status status = next.ok() ? Status() : std::move(next).status();
    if (status.ok()) {
      at = std::make_shared<const Fd>(std::move(*next));
      struct stat attributes;
      if (fstat(at->get(), &attributes) != 0) {
        status = Status::system("fstat", errno);
      } else if (Identity::of(attributes) != level.identity) {
        status = Status::system("openat", ESTALE);
      }
    }
    if (!status.ok()) {
      if (is_exhaustion(status.error_number())) return status;
      // Nothing below it can be reached by its name any more.
      for (size_t lost = index; lost <= wanted; lost++) path_[lost].next = path_[lost].names.size();
      skipped_.push_back({level.directory->path_of({}), std::move(status)});
      return Status();
    }
    if (level.done() || wanted - index >= budget_) continue;
    level.fd = at;
    open_++;
    first_open_ = std::min(first_open_, index);
  }
  close_beyond_budget();
  return Status();
}

void TreeWalk::close(Level& level) {
  if (level.fd) open_--;
  level.fd.reset();
}

void TreeWalk::close_beyond_budget() {
  for (; open_ > budget_; first_open_++) close(path_[first_open_]);
}

}  // namespace

Result<std::unique_ptr<Walk>> Walk::open(const std::string& root, const std::vector<std::string>& below,
                                         const WalkOptions& options) {
  KTLS_TRY(check_names(below));
  Fd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Status::system("open", errno, root);
  if (!below.empty()) {
    Result<Fd> deeper = open_beneath(fd.get(), below);
    if (!deeper.ok()) return std::move(deeper).status();
    fd = std::move(*deeper);
  }
  auto walk = std::make_unique<TreeWalk>(std::move(fd), options);
  KTLS_TRY(walk->start());
  return std::unique_ptr<Walk>(std::move(walk));
}

}  // namespace ktls::fs

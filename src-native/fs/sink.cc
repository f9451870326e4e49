#include "fs/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>

#include "fs/acl.h"
#include "fs/name.h"
#include "fs/tree_sink.h"
#include "fs/unlock.h"

namespace ktls::fs {

namespace {

struct Anchor {
  Fd fd;
  std::vector<std::string> missing;  // names that lead from it to the root that was asked for
};

// The deepest directory on the way to `root` that exists.
Result<Anchor> find_anchor(const std::string& root) {
  Anchor anchor;
  std::string path = root;
  for (;;) {
    // What is left of "a" without its last component is the current directory.
    const char* tried = path.empty() && !root.empty() ? "." : path.c_str();
    anchor.fd = Fd(open(tried, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (anchor.fd) break;
    int error = errno;
    path.resize(path.find_last_not_of('/') + 1);
    size_t start = path.rfind('/') + 1;
    std::string name = path.substr(start);
    // There is no way up from a directory that is not there.
    if (error != ENOENT || name.empty() || name == "..") return Status::system("open", error, root);
    if (name != ".") anchor.missing.push_back(std::move(name));
    path.resize(start);
  }
  std::ranges::reverse(anchor.missing);
  return anchor;
}

// tmpfs fills what is reserved with zeros at once: it would all be written twice.
bool reserves_cheaply(int fd) {
  struct statfs attributes;
  return fstatfs(fd, &attributes) != 0 || attributes.f_type != TMPFS_MAGIC;
}

SinkOptions within_limits(SinkOptions options) {
  options.max_directories = std::min(options.max_directories, TreeSink::kMaxDirectories);
  return options;
}

}  // namespace

Result<std::shared_ptr<Sink>> Sink::open(const std::string& root, const std::vector<std::string>& below,
                                         const SinkOptions& options) {
  KTLS_TRY(check_names(below));
  Result<uint64_t> key = TemporaryNames::random_key();
  if (!key.ok()) return std::move(key).status();
  Result<Anchor> anchor = find_anchor(root);
  if (!anchor.ok()) return std::move(anchor).status();
  int fd = anchor->fd.get();
  struct stat attributes;
  if (fstat(fd, &attributes) != 0) return Status::system("fstat", errno, root);
  std::vector<std::string> names = std::move(anchor->missing);
  names.insert(names.end(), below.begin(), below.end());
  uint32_t anchor_id = names.empty() ? 0 : TreeSink::kAnchor;
  // One that directory 0 is only made in is none of the peer's.
  std::optional<uint32_t> locked_mode = names.empty() ? unlock(fd, attributes) : std::nullopt;
  bool reserves = reserves_cheaply(fd);
  auto handle = std::make_shared<const DirectoryHandle>(
      DirectoryHandle{std::move(anchor->fd), false, !has_default_acl(fd), Identity::of(attributes)});
  auto sink =
      std::make_shared<TreeSink>(within_limits(options), *key, anchor_id, std::move(handle), reserves);
  if (locked_mode) sink->root_was_locked(*locked_mode);
  KTLS_TRY(sink->make_root(names));
  return std::shared_ptr<Sink>(std::move(sink));
}

}  // namespace ktls::fs

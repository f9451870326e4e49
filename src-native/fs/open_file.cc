#include "fs/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <algorithm>
#include <vector>

#include "fs/beneath.h"

namespace ktls::fs {

namespace {

// Without O_NONBLOCK a FIFO waits for somebody who writes.
constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// openat2(2): a lookup that raced with a rename may be tried again.
constexpr int kMaxRaces = 16;

bool is_missing(int error) { return error == ENOSYS || error == EPERM; }

// errno tells.
int open_with(int directory, const char* path, uint64_t resolve) {
  open_how how{};
  how.flags = kFlags;
  how.resolve = resolve;
  return static_cast<int>(syscall(SYS_openat2, directory, path, &how, sizeof how));
}

// Without a symbolic link on the way such a path cannot leave the root, so that the root need not be opened.
bool only_descends(const std::string& path) {
  return !path.empty() && path.front() != '/' && path.find("..") == path.npos;
}

// What a lookup in memory cannot answer, also because the kernel knows no such lookup (before 5.12).
bool needs_disk(int error) { return error == EAGAIN || error == EINVAL || is_missing(error); }

Result<Fd> open_component_wise(int root, const std::string& path) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    std::string name = path.substr(begin, end - begin);
    if (name == "..") return Status::system("openat", EXDEV);
    if (!name.empty() && name != ".") names.push_back(std::move(name));
    begin = end + 1;
  }
  if (path.starts_with('/')) return Status::system("openat", EXDEV);
  if (names.empty()) return open_directory(root, ".");
  const std::string last = std::move(names.back());
  names.pop_back();
  Result<Fd> parent = open_beneath(root, names);
  if (!parent.ok()) return parent;
  Fd file(openat(parent->get(), last.c_str(), kFlags | O_NOFOLLOW));
  if (!file) return Status::system("openat", errno);
  return file;
}

}  // namespace

Result<Fd> open_file(const std::string& path, Lookup lookup) {
  if (lookup == Lookup::cached) {
    Fd file(open_with(AT_FDCWD, path.c_str(), RESOLVE_CACHED));
    if (file) return file;
    if (needs_disk(errno)) return Status::of(Code::would_block);
    return Status::system("openat2", errno).with_path(path);
  }
  Fd file(open(path.c_str(), kFlags));
  if (!file) return Status::system("open", errno).with_path(path);
  return file;
}

Result<Fd> open_file_beneath(const std::string& root, const std::string& path, Lookup lookup) {
  const uint64_t where = lookup == Lookup::cached ? RESOLVE_CACHED : 0;
  if (!root.empty() && only_descends(path)) {
    Fd file(open_with(AT_FDCWD, (root + "/" + path).c_str(), RESOLVE_NO_SYMLINKS | where));
    if (file) return file;
    if (lookup == Lookup::cached && needs_disk(errno)) return Status::of(Code::would_block);
    if (errno == ENOENT) return Status::system("openat2", ENOENT).with_path(path);
  }
  const Fd directory(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return Status::system("open", errno).with_path(root);
  const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | where;
  const char* name = path.empty() ? "." : path.c_str();
  for (int races = 0;; ++races) {
    Fd file(open_with(directory.get(), name, resolve));
    if (file) return file;
    const int error = errno;
    if (lookup == Lookup::cached && needs_disk(error)) return Status::of(Code::would_block);
    if (error == EAGAIN && races < kMaxRaces) continue;
    if (!is_missing(error)) return Status::system("openat2", error).with_path(path);
    Result<Fd> walked = open_component_wise(directory.get(), path);
    if (!walked.ok()) return std::move(walked).status().with_path(path);
    return walked;
  }
}

}  // namespace ktls::fs

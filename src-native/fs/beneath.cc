#include "fs/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <span>

namespace ktls::fs {

namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

using Names = std::span<const std::string>;

std::string join(Names names) {
  std::string path;
  for (const std::string& name : names) {
    if (!path.empty()) path += '/';
    path += name;
  }
  return path;
}

// How many of `names`, at least one, make a path that the kernel takes at once.
size_t count_that_fits(Names names) {
  size_t length = 0;
  size_t count = 0;
  for (const std::string& name : names) {
    length += name.size() + 1;
    if (length > PATH_MAX && count > 0) break;
    count++;
  }
  return count;
}

Result<Fd> open_component_wise(int directory, Names names) {
  Fd current;
  for (const std::string& name : names) {
    Result<Fd> next = open_directory(current ? current.get() : directory, name.c_str());
    if (!next.ok()) return next;
    current = std::move(*next);
  }
  return current;
}

Result<Fd> open_piece(int directory, Names names) {
  if (names.size() == 1) return open_directory(directory, names[0].c_str());
  open_how how{};
  how.flags = kDirectoryFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  Fd fd(static_cast<int>(syscall(SYS_openat2, directory, join(names).c_str(), &how, sizeof how)));
  if (fd) return fd;
  // Linux before 5.6 has no openat2; containers' seccomp filters of that age answer EPERM.
  if (errno == ENOSYS || errno == EPERM) return open_component_wise(directory, names);
  return Status::system("openat2", errno == ELOOP ? ENOTDIR : errno);
}

}  // namespace

Result<Fd> open_directory(int directory, const char* name) {
  Fd fd(openat(directory, name, kDirectoryFlags));
  if (!fd) return Status::system("openat", errno == ELOOP ? ENOTDIR : errno);
  return fd;
}

Result<Fd> open_beneath(int directory, const std::vector<std::string>& names) {
  Fd current;
  Names left(names);
  do {
    size_t count = count_that_fits(left);
    Result<Fd> next = count == 0 ? open_directory(directory, ".")
                                 : open_piece(current ? current.get() : directory, left.first(count));
    if (!next.ok()) return std::move(std::move(next).status()).with_path(join(names));
    current = std::move(*next);
    left = left.subspan(count);
  } while (!left.empty());
  return current;
}

}  // namespace ktls::fs

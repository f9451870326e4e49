#include "fs/unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "fs/beneath.h"

namespace ktls::fs {

Result<Unlocked> open_unlocked(int parent, const char* name) {
  Fd found(openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!found) return Status::system("openat", errno);
  struct stat before;
  if (fstat(found.get(), &before) != 0) return Status::system("fstat", errno);
  if ((before.st_mode & 0700) != 0700) {
    // chmod by name would follow a symlink, and fchmod refuses O_PATH: the descriptor's link in /proc
    // leads to exactly this inode.
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", found.get());
    if (chmod(link, 0700) != 0) return Status::system("chmod", errno);
  }
  Result<Fd> fd = open_directory(found.get(), ".");
  if (!fd.ok()) return std::move(fd).status();
  return Unlocked{std::move(*fd), before};
}

std::optional<uint32_t> unlock(int fd, const struct stat& attributes) {
  uint32_t mode = attributes.st_mode & 07777;
  if ((mode & 0700) == 0700 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0) return std::nullopt;
  if (fchmod(fd, mode | 0700) != 0) return std::nullopt;
  return mode;
}

}  // namespace ktls::fs

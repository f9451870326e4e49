#include "base/read_cached.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>

namespace ktls {

namespace {

bool is_in_memory(int fd) {
  struct statfs system;
  return fstatfs(fd, &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

}  // namespace

ssize_t read_cached(int fd, MutableBytes into, off_t offset) {
  iovec part = {into.data(), into.size()};
  int flags = RWF_NOWAIT;
  for (;;) {
    const ssize_t got = preadv2(fd, &part, 1, offset, flags);
    if (got >= 0) return got;
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP || !is_in_memory(fd)) return got;
    flags = 0;
  }
}

}  // namespace ktls

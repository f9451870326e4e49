#include "fs/write_all.h"

#include <errno.h>
#include <unistd.h>

namespace ktls::fs {

Status write_all(int fd, Bytes data) {
  while (!data.empty()) {
    ssize_t wrote = write(fd, data.data(), data.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Status::system("write", errno);
    data = data.subspan(static_cast<size_t>(wrote));
  }
  return Status();
}

Status write_all_at(int fd, Bytes data, uint64_t offset) {
  while (!data.empty()) {
    ssize_t wrote = pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Status::system("pwrite", errno);
    data = data.subspan(static_cast<size_t>(wrote));
    offset += static_cast<uint64_t>(wrote);
  }
  return Status();
}

}  // namespace ktls::fs

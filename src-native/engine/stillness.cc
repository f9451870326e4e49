#include "engine/stillness.h"

#include <errno.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace ktls::engine {

namespace {

// Two steps of the slowest clock (CONFIG_HZ=100).
constexpr std::chrono::milliseconds kStep{20};
// Longer than the write of a small file takes, also where it is interrupted.
constexpr std::chrono::milliseconds kLongAgo{1000};
// Of waiting for a file to settle.
constexpr int kTries = 5;

std::chrono::nanoseconds since_epoch(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Returns when a write that had begun has ended: most file systems (ext4, btrfs, tmpfs) hold the inode's lock
// for the length of one, and take it to look for data.
void await_writer(int file) { (void)lseek(file, 0, SEEK_DATA); }

bool shortly_before(const timespec& time, const timespec& now) {
  return std::chrono::abs(since_epoch(now) - since_epoch(time)) < kStep;
}

// The walk takes other names of an inode for links to it: under its first name it must be what they are.
bool is_walked_inode(const struct stat& now, const fs::Entry& entry) {
  return S_ISREG(now.st_mode) && (!entry.linked || fs::Identity::of(now) == *entry.linked);
}

}  // namespace

Status changed_while_read() {
  return Status::fail(Code::file_changed, "the file changed while it was read: it is not at the receiver");
}

timespec file_clock() {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now;
}

bool still_as_walked(int file, const fs::Entry& entry, const timespec& since) {
  struct stat now;
  if (fstat(file, &now) != 0 || !is_walked_inode(now, entry)) return false;
  // The time of the last change of anything is the one that programs cannot set.
  return static_cast<uint64_t>(now.st_size) == entry.size && fs::Metadata::of(now) == entry.metadata &&
         since_epoch(now.st_ctim) < since_epoch(since) - kLongAgo;
}

Result<struct stat> settled_attributes(int file, const fs::Entry& entry) {
  for (int tries = 0; tries < kTries; tries++) {
    struct stat now;
    if (fstat(file, &now) != 0) return Status::system("fstat", errno);
    if (!is_walked_inode(now, entry)) return changed_while_read();
    if (!shortly_before(now.st_mtim, file_clock())) {
      await_writer(file);
      return now;
    }
    std::this_thread::sleep_for(kStep);
  }
  return changed_while_read();
}

bool unchanged(int file, const struct stat& before) {
  struct stat now;
  if (fstat(file, &now) != 0) return false;
  return now.st_size == before.st_size && now.st_mtim.tv_sec == before.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
}

}  // namespace ktls::engine

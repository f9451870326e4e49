#include "fs/directory_reader.h"

#include <dirent.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ktls::fs {

namespace {

// Some 3,000 names a call.
constexpr size_t kBufferLength = size_t{128} << 10;

bool is_dot(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

}  // namespace

DirectoryReader::DirectoryReader() : buffer_(std::make_unique_for_overwrite<char[]>(kBufferLength)) {}

void DirectoryReader::start(int fd) {
  fd_ = fd;
  filled_ = position_ = 0;
}

Result<std::optional<DirectoryReader::Item>> DirectoryReader::next() {
  for (;;) {
    if (position_ == filled_) {
      long got = syscall(SYS_getdents64, fd_, buffer_.get(), kBufferLength);
      if (got < 0) return Status::system("getdents64", errno);
      if (got == 0) return std::optional<Item>();
      filled_ = static_cast<size_t>(got);
      position_ = 0;
    }
    // The kernel's struct linux_dirent64 has the layout of dirent64, whose records it aligns.
    const auto* record = reinterpret_cast<const dirent64*>(buffer_.get() + position_);
    position_ += record->d_reclen;
    if (!is_dot(record->d_name)) return std::optional(Item{record->d_name, record->d_type});
  }
}

}  // namespace ktls::fs

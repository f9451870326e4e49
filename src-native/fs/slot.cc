#include "fs/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/rename.h"

namespace ktls::fs {

namespace {

Status exists() { return Status::fail(Code::exists, "the file is there already, and overwrite is off"); }

}  // namespace

Slot::Slot(DirectoryTable::Handle in, const std::string& name, TemporaryNames& names)
    : directory(std::move(in)), final_name_(name.c_str()) {
  if (!directory->staged) temporary_ = names.name(names.next());
}

Slot::~Slot() {
  if (made_) unlinkat(directory->fd.get(), name(), 0);
}

Status Slot::check_target(bool overwrite) const {
  if (directory->staged) return Status();
  struct stat there;
  if (fstatat(directory->fd.get(), final_name_, &there, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : Status::system("fstatat", errno);
  }
  if (S_ISDIR(there.st_mode)) return Status::system("renameat", EISDIR);
  return overwrite ? Status() : exists();
}

Result<Fd> Slot::make_file(uint32_t mode) {
  Fd file(openat(directory->fd.get(), name(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file) return Status::system("openat", errno);
  made_ = true;
  return file;
}

Status Slot::make_symlink(const std::string& target) {
  if (symlinkat(target.c_str(), directory->fd.get(), name()) != 0) return Status::system("symlinkat", errno);
  made_ = true;
  return Status();
}

Status Slot::make_hard_link(int target_directory, const std::string& target_name) {
  if (linkat(target_directory, target_name.c_str(), directory->fd.get(), name(), 0) != 0) {
    return Status::system("linkat", errno);
  }
  made_ = is_hard_link_ = true;
  return Status();
}

Status Slot::finish(bool overwrite) {
  if (directory->staged) {
    made_ = false;
    return Status();
  }
  int fd = directory->fd.get();
  if (overwrite) {
    if (renameat(fd, name(), fd, final_name_) != 0) return Status::system("renameat", errno);
    // Two names of one inode are both left as they are by rename(2): ~Slot then removes ours.
    made_ = is_hard_link_;
    return Status();
  }
  Status renamed = rename_new(fd, name(), fd, final_name_);
  if (renamed.error_number() == EEXIST) return exists();
  if (renamed.ok()) made_ = false;
  return renamed;
}

}  // namespace ktls::fs

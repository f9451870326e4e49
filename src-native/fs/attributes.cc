#include "fs/attributes.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ktls::fs {

namespace {

constexpr uint32_t kSetIds = S_ISUID | S_ISGID;

Status set_time(int fd, const Metadata& metadata) {
  const timespec times[2] = {{0, UTIME_OMIT}, {metadata.mtime_seconds, metadata.mtime_nanoseconds}};
  if (futimens(fd, times) != 0) return Status::system("futimens", errno);
  return Status();
}

Status drop_foreign_set_ids(int fd, const Metadata& metadata, uint32_t& mode) {
  struct stat made;
  if (fstat(fd, &made) != 0) return Status::system("fstat", errno);
  bool of_root = made.st_uid == 0;
  if (of_root || made.st_uid != metadata.uid) mode &= ~static_cast<uint32_t>(S_ISUID);
  if (of_root || made.st_gid != metadata.gid) mode &= ~static_cast<uint32_t>(S_ISGID);
  return Status();
}

}  // namespace

Status check_metadata(const Metadata& metadata) {
  if (metadata.mtime_nanoseconds > 999'999'999) {
    return Status::fail(Code::protocol, "a time off the wire has nanoseconds beyond a second");
  }
  if (metadata.mode > 07777) {
    return Status::fail(Code::protocol, "a mode off the wire has bits that are no permissions");
  }
  if (metadata.uid == UINT32_MAX || metadata.gid == UINT32_MAX) {
    return Status::fail(Code::protocol, "an owner off the wire is -1");
  }
  return Status();
}

Status set_attributes(int fd, const Metadata& metadata, AttributeOptions options) {
  uint32_t mode = metadata.mode;
  if (options.ownership) {
    if (fchown(fd, metadata.uid, metadata.gid) != 0) return Status::system("fchown", errno);
  } else if ((mode & kSetIds) != 0) {
    KTLS_TRY(drop_foreign_set_ids(fd, metadata, mode));
  }
  if (!options.mode_is_set && fchmod(fd, mode) != 0) return Status::system("fchmod", errno);
  return set_time(fd, metadata);
}

Status set_directory_attributes(int fd, const Metadata& metadata, bool ownership) {
  struct stat now;
  if (fstat(fd, &now) != 0) return Status::system("fstat", errno);
  bool same_owner = now.st_uid == metadata.uid && now.st_gid == metadata.gid;
  if (ownership && !same_owner && fchown(fd, metadata.uid, metadata.gid) != 0) {
    return Status::system("fchown", errno);
  }
  if ((now.st_mode & 07777) != metadata.mode && fchmod(fd, metadata.mode) != 0) {
    return Status::system("fchmod", errno);
  }
  if (now.st_mtim.tv_sec == metadata.mtime_seconds && now.st_mtim.tv_nsec == metadata.mtime_nanoseconds) {
    return Status();
  }
  return set_time(fd, metadata);
}

bool is_refusal(const Status& status) {
  int error = status.error_number();
  return error == EPERM || error == EACCES || error == EROFS || error == EOPNOTSUPP;
}

}  // namespace ktls::fs

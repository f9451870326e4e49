#include "fs/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ktls::fs {

namespace {

Status rename_directory_after_look(int from_directory, const char* from, int to_directory, const char* to) {
  struct stat there;
  if (fstatat(to_directory, to, &there, AT_SYMLINK_NOFOLLOW) == 0) return Status::system("renameat", EEXIST);
  if (renameat(from_directory, from, to_directory, to) != 0) return Status::system("renameat", errno);
  return Status();
}

}  // namespace

Status rename_new(int from_directory, const char* from, int to_directory, const char* to) {
  if (renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE) == 0) return Status();
  if (errno != EINVAL && errno != ENOSYS) return Status::system("renameat2", errno);
  struct stat source;
  if (fstatat(from_directory, from, &source, AT_SYMLINK_NOFOLLOW) != 0)
    return Status::system("fstatat", errno);
  if (S_ISDIR(source.st_mode)) return rename_directory_after_look(from_directory, from, to_directory, to);
  if (linkat(from_directory, from, to_directory, to, 0) != 0) return Status::system("linkat", errno);
  if (unlinkat(from_directory, from, 0) != 0) return Status::system("unlinkat", errno);
  return Status();
}

}  // namespace ktls::fs

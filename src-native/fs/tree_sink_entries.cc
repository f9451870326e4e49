// What a TreeSink makes in directories: files, symlinks, hard links.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/attributes.h"
#include "fs/file_sink.h"
#include "fs/name.h"
#include "fs/tree_sink.h"
#include "fs/write_all.h"

namespace ktls::fs {

namespace {

// By descriptor, which says what it is: by name, the owner of something else could be changed that
// somebody put there meanwhile.
Status set_symlink_owner(int directory, const char* name, const Metadata& metadata) {
  Fd link(openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!link) return Status::system("openat", errno);
  struct stat attributes;
  if (fstat(link.get(), &attributes) != 0) return Status::system("fstat", errno);
  if (!S_ISLNK(attributes.st_mode)) return Status::system("openat", ESTALE);
  if (fchownat(link.get(), "", metadata.uid, metadata.gid, AT_EMPTY_PATH) != 0) {
    return Status::system("fchownat", errno);
  }
  return Status();
}

}  // namespace

Status TreeSink::write_file(uint32_t directory, const std::string& name, Bytes content,
                            const Metadata& metadata) {
  KTLS_TRY(check_name(name));
  KTLS_TRY(check_metadata(metadata));
  Result<DirectoryTable::Handle> in = find(directory);
  if (!in.ok()) return std::move(in).status();
  Slot slot(std::move(*in), name, names_);
  Status status = make_small_file(slot, content, metadata);
  return status.ok() ? Status() : name_error(std::move(status), directory, name);
}

Status TreeSink::make_small_file(Slot& slot, Bytes content, const Metadata& metadata) {
  KTLS_TRY(slot.check_target(options_.overwrite));
  bool exact = slot.directory->exact_mode && (metadata.mode & (umask_ | 07000)) == 0;
  Result<Fd> file = slot.make_file(exact ? metadata.mode : 0600);
  if (!file.ok()) return std::move(file).status();
  KTLS_TRY(write_all(file->get(), content));
  KTLS_TRY(finish_file(*file, metadata, exact));
  return slot.finish(options_.overwrite);
}

Result<std::unique_ptr<FileSink>> TreeSink::create_file(uint32_t directory, const std::string& name,
                                                        uint64_t size) {
  KTLS_TRY(check_name(name));
  Result<DirectoryTable::Handle> in = find(directory);
  if (!in.ok()) return std::move(in).status();
  auto file = std::make_unique<TreeFileSink>(shared_from_this(), directory, std::move(*in), name);
  Status status = file->make(preallocate_ ? size : 0);
  if (!status.ok()) return name_error(std::move(status), directory, name);
  return std::unique_ptr<FileSink>(std::move(file));
}

Status TreeSink::finish_file(Fd& file, const Metadata& metadata, bool mode_is_set) {
  KTLS_TRY(set_attributes(file.get(), metadata, {options_.ownership, mode_is_set}));
  if (options_.sync == Sync::file && fsync(file.get()) != 0) return Status::system("fsync", errno);
  // NFS and quotas may tell only now that the content could not be kept.
  if (close(file.release()) != 0 && errno != EINTR) return Status::system("close", errno);
  return Status();
}

Status TreeSink::symlink(uint32_t directory, const std::string& name, const std::string& target,
                         const Metadata& metadata) {
  KTLS_TRY(check_name(name));
  KTLS_TRY(check_metadata(metadata));
  if (target.find('\0') != target.npos) {
    return Status::fail(Code::protocol, "a symlink's target off the wire contains a NUL byte");
  }
  Result<DirectoryTable::Handle> in = find(directory);
  if (!in.ok()) return std::move(in).status();
  Slot slot(std::move(*in), name, names_);
  Status status = make_symlink(slot, target, metadata);
  return status.ok() ? Status() : name_error(std::move(status), directory, name);
}

Status TreeSink::make_symlink(Slot& slot, const std::string& target, const Metadata& metadata) {
  KTLS_TRY(slot.check_target(options_.overwrite));
  KTLS_TRY(slot.make_symlink(target));
  int fd = slot.directory->fd.get();
  if (options_.ownership) KTLS_TRY(set_symlink_owner(fd, slot.name(), metadata));
  const timespec times[2] = {{0, UTIME_OMIT}, {metadata.mtime_seconds, metadata.mtime_nanoseconds}};
  if (utimensat(fd, slot.name(), times, AT_SYMLINK_NOFOLLOW) != 0) return Status::system("utimensat", errno);
  return slot.finish(options_.overwrite);
}

Status TreeSink::hard_link(uint32_t directory, const std::string& name, uint32_t target_directory,
                           const std::string& target_name) {
  KTLS_TRY(check_name(name));
  KTLS_TRY(check_name(target_name));
  Result<DirectoryTable::Handle> in = find(directory);
  if (!in.ok()) return std::move(in).status();
  Result<DirectoryTable::Handle> target = find(target_directory);
  if (!target.ok()) return std::move(target).status();
  Slot slot(std::move(*in), name, names_);
  Status status = slot.check_target(options_.overwrite);
  if (status.ok()) status = slot.make_hard_link((*target)->fd.get(), target_name);
  if (status.ok()) status = slot.finish(options_.overwrite);
  return status.ok() ? Status() : name_error(std::move(status), directory, name);
}

Status TreeSink::name_error(Status status, uint32_t directory, const std::string& name) const {
  std::string path = path_of(directory, name);
  // The root of the transfer has no name.
  return std::move(std::move(status).with_path(path.empty() ? "." : std::move(path)));
}

}  // namespace ktls::fs

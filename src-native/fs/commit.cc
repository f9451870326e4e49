// The end of a TreeSink: everything into place.
#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "fs/attributes.h"
#include "fs/merge.h"
#include "fs/rename.h"
#include "fs/tree_sink.h"

namespace ktls::fs {

Status TreeSink::commit(const Cancel& cancel, const AttributesRefused& refused) {
  const std::vector<uint32_t> directories = table_.deepest_first();
  for (uint32_t id : directories) {
    if (cancel.is_set()) return Status::of(Code::cancelled);
    KTLS_TRY(finish_directory(id, cancel, refused));
  }
  if (options_.sync == Sync::end) KTLS_TRY(sync_file_systems(directories));
  committed_ = true;
  return Status();
}

// All below it is finished: nothing changes its time any more.
Status TreeSink::finish_directory(uint32_t id, const Cancel& cancel, const AttributesRefused& refused) {
  const DirectoryNode& node = table_.node(id);
  bool has_work = node.has_metadata || node.staged || node.locked_mode || options_.sync == Sync::file;
  if (!has_work) return Status();
  Result<DirectoryTable::Handle> directory = table_.open(id);
  if (!directory.ok()) return std::move(directory).status();
  int fd = (*directory)->fd.get();
  Status status;
  bool set = false;
  if (node.has_metadata) {
    status = set_directory_attributes(fd, node.metadata, options_.ownership);
    set = status.ok();
    if (is_refusal(status)) refused(name_error(std::exchange(status, Status()), id, {}));
  } else if (node.staged) {
    // Nobody said what it is to be: as mkdir(1) makes it, its owner never locked out.
    if (fchmod(fd, 0700 | (0777 & ~umask_)) != 0) status = Status::system("fchmod", errno);
  }
  if (node.locked_mode && status.ok()) {
    if (!set && fchmod(fd, *node.locked_mode) != 0) status = Status::system("fchmod", errno);
    table_.set_locked_mode(id, std::nullopt);
  }
  if (status.ok() && options_.sync == Sync::file && fsync(fd) != 0) status = Status::system("fsync", errno);
  if (!status.ok()) return name_error(std::move(status), id, {});
  return node.temporary != 0 ? rename_directory(id, cancel, refused) : Status();
}

Status TreeSink::rename_directory(uint32_t id, const Cancel& cancel, const AttributesRefused& refused) {
  const DirectoryNode& node = table_.node(id);
  Result<DirectoryTable::Handle> container = table_.open(node.parent);
  if (!container.ok()) return std::move(container).status();
  int fd = (*container)->fd.get();
  const TemporaryNames::Name temporary = names_.name(node.temporary);
  Status status = rename_new(fd, temporary.text, fd, node.name.c_str());
  if (status.error_number() == EEXIST) {
    auto whole_path = [&](Status in_parent) {
      std::string path = path_of(node.parent, in_parent.path());
      return std::move(std::move(in_parent).with_path(std::move(path)));
    };
    status = merge_directory(fd, temporary.text, node.name, {options_.overwrite, options_.ownership}, cancel,
                             [&](Status reason) { refused(whole_path(std::move(reason))); });
    if (!status.ok() && !status.path().empty()) return whole_path(std::move(status));
  }
  if (!status.ok()) return name_error(std::move(status), id, {});
  table_.settle(id);
  return Status();
}

// Below a root there may be several, mounted.
Status TreeSink::sync_file_systems(const std::vector<uint32_t>& directories) {
  std::vector<dev_t> synced;
  // The anchor comes last; what is new lies where its parent does.
  for (auto id = directories.rbegin(); id != directories.rend(); ++id) {
    const DirectoryNode& node = table_.node(*id);
    if (node.staged || std::ranges::find(synced, node.identity.device) != synced.end()) continue;
    Result<DirectoryTable::Handle> directory = table_.open(*id);
    if (!directory.ok()) return std::move(directory).status();
    if (syncfs((*directory)->fd.get()) != 0) return name_error(Status::system("syncfs", errno), *id, {});
    synced.push_back(node.identity.device);
  }
  return Status();
}

}  // namespace ktls::fs

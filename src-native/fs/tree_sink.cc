#include "fs/tree_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/acl.h"
#include "fs/attributes.h"
#include "fs/beneath.h"
#include "fs/name.h"
#include "fs/remove.h"
#include "fs/umask.h"
#include "fs/unlock.h"

namespace ktls::fs {

TreeSink::TreeSink(const SinkOptions& options, uint64_t key, uint32_t anchor_id,
                   DirectoryTable::Handle anchor, bool preallocate)
    : options_(options),
      umask_(process_umask()),
      preallocate_(preallocate),
      names_(key),
      table_(anchor_id, std::move(anchor), options.max_open_directories, names_) {}

TreeSink::~TreeSink() {
  if (!committed_) discard();
}

void TreeSink::root_was_locked(uint32_t mode) {
  std::lock_guard lock(making_);
  table_.set_locked_mode(0, mode);
  unlocked_.push_back(0);
}

Status TreeSink::make_root(const std::vector<std::string>& names) {
  std::lock_guard lock(making_);
  uint32_t parent = kAnchor;
  for (size_t index = 0; index < names.size(); index++) {
    uint32_t id = index + 1 == names.size() ? 0 : parent - 1;
    KTLS_TRY(make_directory(id, parent, names[index]));
    parent = id;
  }
  return Status();
}

Status TreeSink::add_directory(uint32_t id, uint32_t parent, const std::string& name,
                               const Metadata& metadata) {
  KTLS_TRY(check_metadata(metadata));
  if (id == 0) {
    if (parent != 0 || !name.empty()) {
      return Status::fail(Code::protocol, "directory 0 was announced with a parent or a name");
    }
    table_.set_metadata(0, metadata);
    return Status();
  }
  KTLS_TRY(check_name(name));
  if (id >= options_.max_directories) {
    return Status::fail(Code::limit,
                        "more than " + std::to_string(options_.max_directories) + " directories");
  }
  if (parent >= kMaxDirectories) return DirectoryTable::unknown(parent);
  DirectoryTable::Presence presence = table_.find(id, parent, name);
  if (presence == DirectoryTable::Presence::absent) {
    std::lock_guard lock(making_);
    presence = table_.find(id, parent, name);
    if (presence == DirectoryTable::Presence::absent) {
      KTLS_TRY(make_directory(id, parent, name));
      table_.set_metadata(id, metadata);
      return Status();
    }
  }
  if (presence == DirectoryTable::Presence::same) return Status();
  return Status::fail(Code::protocol,
                      "directory " + std::to_string(id) + " was announced as two directories");
}

Result<DirectoryTable::Handle> TreeSink::find(uint32_t directory) {
  if (directory >= kMaxDirectories) return DirectoryTable::unknown(directory);
  return table_.open(directory);
}

// Uses the directory that is there, or makes one. making_ is held.
Status TreeSink::make_directory(uint32_t id, uint32_t parent, const std::string& name) {
  Result<DirectoryTable::Handle> container = table_.open(parent);
  if (!container.ok()) return std::move(container).status();
  int in = (*container)->fd.get();

  DirectoryNode node;
  node.parent = parent;
  node.name = name;
  Result<Fd> fd = Status::of(Code::would_block);
  if (!(*container)->staged) {
    fd = open_existing(in, id, name, node);
    if (!fd.ok() && fd.status().error_number() != ENOENT) {
      return std::move(std::move(fd).status()).with_path(path_of(parent, name));
    }
  }
  if (!fd.ok()) {
    node.staged = true;
    if (!(*container)->staged) node.temporary = names_.next();
    const TemporaryNames::Name temporary = names_.name(node.temporary);
    const char* made = node.temporary != 0 ? temporary.text : name.c_str();
    // Nobody else may look into it until commit().
    if (mkdirat(in, made, 0700) != 0) return Status::system("mkdirat", errno, path_of(parent, name));
    fd = open_directory(in, made);
    if (!fd.ok()) {
      unlinkat(in, made, AT_REMOVEDIR);
      return std::move(std::move(fd).status()).with_path(path_of(parent, name));
    }
  }
  struct stat attributes;
  if (fstat(fd->get(), &attributes) != 0) return Status::system("fstat", errno, path_of(parent, name));
  node.identity = Identity::of(attributes);
  if (!node.staged && !node.locked_mode && id < kMaxDirectories) {
    node.locked_mode = unlock(fd->get(), attributes);
  }
  // What is made in a directory of ours inherits the default ACL of its top.
  bool own_container = (*container)->staged;
  node.exact_mode = own_container ? (*container)->exact_mode : !has_default_acl(fd->get());
  if (node.temporary != 0) staged_tops_.push_back(id);
  if (node.locked_mode) unlocked_.push_back(id);
  auto handle = std::make_shared<const DirectoryHandle>(
      DirectoryHandle{std::move(*fd), node.staged, node.exact_mode, node.identity});
  table_.add(id, std::move(node), std::move(handle));
  return Status();
}

// Opened up where it cannot even be listed; those above directory 0 are none of the peer's.
Result<Fd> TreeSink::open_existing(int parent, uint32_t id, const std::string& name, DirectoryNode& node) {
  Result<Fd> fd = open_directory(parent, name.c_str());
  if (fd.ok() || fd.status().error_number() != EACCES || id >= kMaxDirectories) return fd;
  Result<Unlocked> unlocked = open_unlocked(parent, name.c_str());
  if (!unlocked.ok()) return fd;
  node.locked_mode = unlocked->before.st_mode & 07777;
  return std::move(unlocked->fd);
}

void TreeSink::discard() {
  std::lock_guard lock(making_);
  for (uint32_t id : staged_tops_) {
    const DirectoryNode& node = table_.node(id);
    if (node.temporary == 0) continue;
    Result<DirectoryTable::Handle> container = table_.open(node.parent);
    if (!container.ok()) continue;
    // Nobody is left to be told of a failure: the name says whose it was.
    (void)remove_tree((*container)->fd.get(), names_.name(node.temporary).text, node.identity);
  }
  staged_tops_.clear();
  while (!unlocked_.empty()) {
    uint32_t id = unlocked_.back();
    unlocked_.pop_back();
    std::optional<uint32_t> mode = table_.node(id).locked_mode;
    if (!mode) continue;
    Result<DirectoryTable::Handle> directory = table_.open(id);
    if (directory.ok()) (void)fchmod((*directory)->fd.get(), *mode);
  }
}

std::string TreeSink::path_of(uint32_t directory, const std::string& name) const {
  return table_.path_of(directory, name);
}

}  // namespace ktls::fs

#include "fs/directory_table.h"

#include <errno.h>

#include <algorithm>

#include "fs/beneath.h"

namespace ktls::fs {

namespace {

// Directories that are opened again by one path. The last one of each piece is cached, so that opening
// a deep chain from its end towards the root costs a piece a time, not the chain.
constexpr size_t kPieceLength = 64;

}  // namespace

DirectoryTable::DirectoryTable(uint32_t anchor_id, Handle anchor, size_t max_open,
                               const TemporaryNames& names)
    : anchor_id_(anchor_id), anchor_(std::move(anchor)), names_(names), budget_(max_open) {
  DirectoryNode node;
  node.parent = anchor_id;
  node.identity = anchor_->identity;
  node.exact_mode = anchor_->exact_mode;
  nodes_.emplace(anchor_id, std::move(node));
}

DirectoryTable::Presence DirectoryTable::find(uint32_t id, uint32_t parent, const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return Presence::absent;
  bool same = found->second.parent == parent && found->second.name == name;
  return same ? Presence::same : Presence::different;
}

size_t DirectoryTable::size() const {
  std::lock_guard lock(mutex_);
  return nodes_.size();
}

void DirectoryTable::add(uint32_t id, DirectoryNode node, Handle handle) {
  std::lock_guard lock(mutex_);
  node.depth = nodes_.at(node.parent).depth + 1;
  nodes_.emplace(id, std::move(node));
  cache(id, std::move(handle));
}

void DirectoryTable::set_metadata(uint32_t id, const Metadata& metadata) {
  std::lock_guard lock(mutex_);
  DirectoryNode& node = nodes_.at(id);
  if (node.has_metadata) return;
  node.metadata = metadata;
  node.has_metadata = true;
}

Status DirectoryTable::unknown(uint32_t id) {
  return Status::fail(Code::protocol, "directory " + std::to_string(id) + " was never announced");
}

Result<DirectoryTable::Handle> DirectoryTable::open(uint32_t id) {
  Handle at;
  std::vector<Step> steps;  // from the directory wanted towards one that is open
  {
    std::lock_guard lock(mutex_);
    at = cached(id);
    if (at) return at;
    for (uint32_t next = id; !at; at = cached(next)) {
      auto found = nodes_.find(next);
      if (found == nodes_.end()) {
        return unknown(id);
      }
      steps.push_back({next, &found->second});
      next = found->second.parent;
    }
  }
  while (!steps.empty()) {
    std::vector<std::string> names;
    size_t count = std::min(steps.size(), kPieceLength);
    for (size_t step = 0; step < count; step++)
      names.push_back(disk_name(*steps[steps.size() - 1 - step].node));
    const Step to = steps[steps.size() - count];
    Result<Handle> next = open_step(*at, names, to);
    if (!next.ok()) return std::move(std::move(next).status()).with_path(path_of(to.id, {}));
    at = std::move(*next);
    steps.resize(steps.size() - count);
    std::lock_guard lock(mutex_);
    cache(to.id, at);
  }
  return at;
}

Result<DirectoryTable::Handle> DirectoryTable::open_step(const DirectoryHandle& from,
                                                         const std::vector<std::string>& names,
                                                         const Step& to) {
  Result<Fd> fd = open_beneath(from.fd.get(), names);
  if (!fd.ok()) return std::move(fd).status();
  struct stat attributes;
  if (fstat(fd->get(), &attributes) != 0) return Status::system("fstat", errno);
  if (Identity::of(attributes) != to.node->identity) return Status::system("openat2", ESTALE);
  return std::make_shared<const DirectoryHandle>(
      DirectoryHandle{std::move(*fd), to.node->staged, to.node->exact_mode, to.node->identity});
}

std::string DirectoryTable::path_of(uint32_t id, const std::string& name) const {
  std::vector<const std::string*> names;
  std::string path;
  std::lock_guard lock(mutex_);
  for (uint32_t at = id; at != 0 && at != anchor_id_;) {
    auto found = nodes_.find(at);
    if (found == nodes_.end()) break;
    names.push_back(&found->second.name);
    at = found->second.parent;
  }
  for (auto next = names.rbegin(); next != names.rend(); ++next) {
    path += **next;
    path += '/';
  }
  if (name.empty() && !path.empty()) path.pop_back();
  return path + name;
}

std::vector<uint32_t> DirectoryTable::deepest_first() const {
  std::vector<uint32_t> ids;
  ids.reserve(nodes_.size());
  for (const auto& [id, node] : nodes_) ids.push_back(id);
  // Siblings together: the directory that they are opened from is then open.
  std::sort(ids.begin(), ids.end(), [this](uint32_t a, uint32_t b) {
    const DirectoryNode& left = nodes_.at(a);
    const DirectoryNode& right = nodes_.at(b);
    if (left.depth != right.depth) return left.depth > right.depth;
    return left.parent != right.parent ? left.parent < right.parent : a < b;
  });
  return ids;
}

std::string DirectoryTable::disk_name(const DirectoryNode& node) const {
  return node.temporary != 0 ? names_.name(node.temporary).text : node.name;
}

DirectoryTable::Handle DirectoryTable::cached(uint32_t id) {
  if (id == anchor_id_) return anchor_;
  auto found = open_.find(id);
  if (found == open_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, found->second);
  return found->second->second;
}

void DirectoryTable::cache(uint32_t id, Handle handle) {
  // Two threads may have opened it again at once.
  if (open_.contains(id)) return;
  while (budget_.spent()) {
    open_.erase(recent_.back().first);
    recent_.pop_back();
    budget_.closed();
  }
  budget_.opened();
  recent_.emplace_front(id, std::move(handle));
  open_.emplace(id, recent_.begin());
}

}  // namespace ktls::fs

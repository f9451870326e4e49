#include "engine/failed_directories.h"

#include <algorithm>

#include "wire/frame.h"

namespace ktls::engine {

void FailedDirectories::add(uint32_t id, uint32_t parent, const std::string& name) {
  std::lock_guard lock(mutex_);
  if (id >= failed_.size()) failed_.resize(std::max<size_t>(size_t{id} + 1, failed_.size() * 2));
  failed_[id] = true;
  if (named_.size() < kMaxNamed) named_.try_emplace(id, Named{parent, name});
  any_.store(true, std::memory_order_relaxed);
}

bool FailedDirectories::contains(uint32_t id) const {
  if (!any_.load(std::memory_order_relaxed)) return false;
  std::lock_guard lock(mutex_);
  return id < failed_.size() && failed_[id];
}

std::string FailedDirectories::path_of(uint32_t directory, const std::string& name,
                                       const fs::Sink& sink) const {
  std::vector<const std::string*> above;
  std::string path;
  {
    std::lock_guard lock(mutex_);
    // A peer can nest them at no cost of its own: what no report has room for is left out.
    for (size_t length = name.size(); length <= wire::kMaxPathText;) {
      auto found = named_.find(directory);
      if (found == named_.end()) break;
      above.push_back(&found->second.name);
      length += found->second.name.size() + 1;
      directory = found->second.parent;
    }
    for (auto next = above.rbegin(); next != above.rend(); ++next) path += **next + '/';
  }
  return sink.path_of(directory, path + name);
}

}  // namespace ktls::engine

#include "fs/walk.h"

namespace ktls::fs {

std::string Directory::path_of(const std::string& entry) const {
  size_t length = entry.size();
  for (const Directory* at = this; at->parent; at = at->parent.get()) length += at->name.size() + 1;
  // Filled from the end, so that no depth costs more than one allocation.
  std::string path(length, '/');
  size_t end = length - entry.size();
  path.replace(end, entry.size(), entry);
  for (const Directory* at = this; at->parent; at = at->parent.get()) {
    end -= at->name.size() + 1;
    path.replace(end, at->name.size(), at->name);
  }
  if (entry.empty() && !path.empty()) path.pop_back();
  return path;
}

}  // namespace ktls::fs

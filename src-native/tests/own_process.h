// What this process holds.
#pragma once

#include <cstddef>
#include <filesystem>

namespace ktls::test {

inline size_t entries_of(const char* folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) count++;
  return count;
}

inline size_t open_descriptors() { return entries_of("/proc/self/fd"); }

inline size_t threads() { return entries_of("/proc/self/task"); }

}  // namespace ktls::test

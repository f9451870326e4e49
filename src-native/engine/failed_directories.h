// Directories of a session that could not be made, so that nothing below them can be either.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "fs/sink.h"

namespace ktls::engine {

class FailedDirectories {
 public:
  // `id` is below the bound of the session's directories.
  void add(uint32_t id, uint32_t parent, const std::string& name);
  bool contains(uint32_t id) const;
  // For messages, relative to the root of the transfer: of an entry of a directory that failed, or that
  // `sink` has.
  std::string path_of(uint32_t directory, const std::string& name, const fs::Sink& sink) const;

 private:
  struct Named {
    uint32_t parent;
    std::string name;
  };

  // As many as reports are kept: who is below a later one is in none of them.
  static constexpr size_t kMaxNamed = 10'000;

  std::atomic<bool> any_{false};  // spares the lock on the hot path

  mutable std::mutex mutex_;  // guards everything below
  std::vector<bool> failed_;
  std::map<uint32_t, Named> named_;
};

}  // namespace ktls::engine

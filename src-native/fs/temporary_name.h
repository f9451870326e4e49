// Names for what is not finished yet.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/status.h"
#include "fs/name.h"

namespace ktls::fs {

// kTemporaryPrefix, 16 random digits that tell transfers apart, and a number within the transfer.
class TemporaryNames {
 public:
  struct Name {
    char text[64];
  };

  static Result<uint64_t> random_key();

  explicit TemporaryNames(uint64_t key) : key_(key) {}

  // Never 0. Thread-safe.
  uint64_t next() { return last_.fetch_add(1, std::memory_order_relaxed) + 1; }
  Name name(uint64_t number) const;

 private:
  const uint64_t key_;
  std::atomic<uint64_t> last_{0};
};

}  // namespace ktls::fs

// How much of the disk the open files of a sink may have reserved, together: a peer announces sizes, and need
// not send what it announced.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace ktls::fs {

// Thread-safe.
class Reservations {
 public:
  explicit Reservations(uint64_t limit) : left_(limit) {}

  // Bytes of `wanted` that may be reserved: give_back() when they are written, or the file is gone.
  uint64_t take(uint64_t wanted) {
    uint64_t left = left_.load(std::memory_order_relaxed);
    while (!left_.compare_exchange_weak(left, left - std::min(left, wanted), std::memory_order_relaxed))
      continue;
    return std::min(left, wanted);
  }
  void give_back(uint64_t taken) { left_.fetch_add(taken, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> left_;
};

}  // namespace ktls::fs

// The buffer that a thread used last. The next connection on it takes that, most often: of many, few have
// something in a buffer at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace ktls::tls {

// One for each purpose, thread_local.
class SpareBuffer {
 public:
  std::unique_ptr<uint8_t[]> take(size_t capacity) {
    if (buffer_ && capacity_ == capacity) return std::move(buffer_);
    return std::unique_ptr<uint8_t[]>(new uint8_t[capacity]);
  }

  // Null is none.
  void give(std::unique_ptr<uint8_t[]> buffer, size_t capacity) {
    if (!buffer) return;
    buffer_ = std::move(buffer);
    capacity_ = capacity;
  }

 private:
  std::unique_ptr<uint8_t[]> buffer_;
  size_t capacity_ = 0;
};

}  // namespace ktls::tls

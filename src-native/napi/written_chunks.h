// What JavaScript gave to be written, while native code reads its memory. The reference keeps the Buffers,
// not their memory: a program may transfer or shrink an ArrayBuffer, and Node-API has nothing that prevents
// it.
#pragma once

#include <napi.h>

#include <vector>

#include "tls/chunk_queue.h"

namespace ktls::napi {

class WrittenChunks {
 public:
  // Until drop().
  tls::ChunkQueue take(const Napi::Array& chunks);
  void drop();

  // Whether all memory is where take() saw it, and as much: to be asked whenever JavaScript has run
  // meanwhile.
  bool unchanged() const;
  // Whether some can shrink, which gives memory back to the system at once.
  bool resizable() const;
  // Whether they are so many and short that to look at each costs more than to copy them.
  bool many() const { return given_.size() > kFew && length_ < given_.size() * kShort; }

 private:
  static constexpr size_t kFew = 16;
  static constexpr size_t kShort = 16 * 1024;

  Napi::Uint8Array chunk(uint32_t index) const;

  Napi::ObjectReference chunks_;
  std::vector<Bytes> given_;
  size_t length_ = 0;
};

}  // namespace ktls::napi

#include "napi/written_chunks.h"

#include "napi/values.h"

namespace ktls::napi {

tls::ChunkQueue WrittenChunks::take(const Napi::Array& chunks) {
  tls::ChunkQueue queue;
  drop();
  chunks_ = Napi::Persistent(chunks.As<Napi::Object>());
  for (uint32_t i = 0; i < chunks.Length(); ++i) {
    const Napi::Uint8Array given = chunk(i);
    given_.emplace_back(given.Data(), given.ByteLength());
    queue.push(given_.back());
  }
  length_ = queue.length();
  return queue;
}

void WrittenChunks::drop() {
  chunks_.Reset();
  given_.clear();
}

bool WrittenChunks::unchanged() const {
  for (uint32_t i = 0; i < given_.size(); ++i) {
    const Napi::Uint8Array now = chunk(i);
    if (now.Data() != given_[i].data() || now.ByteLength() < given_[i].size()) return false;
  }
  return true;
}

bool WrittenChunks::resizable() const {
  for (uint32_t i = 0; i < given_.size(); ++i) {
    if (bool_property(chunk(i).ArrayBuffer(), "resizable")) return true;
  }
  return false;
}

Napi::Uint8Array WrittenChunks::chunk(uint32_t index) const {
  return chunks_.Get(index).UnwrapOr(chunks_.Env().Undefined()).As<Napi::Uint8Array>();
}

}  // namespace ktls::napi

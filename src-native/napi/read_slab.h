// Memory that sockets read into and hand to JavaScript without a copy.
#pragma once

#include <napi.h>

#include "base/bytes.h"

namespace ktls::napi {

// One Buffer for all sockets of an environment, given out from its front and replaced when its end is
// near: a Buffer for each read would cost more than the read. JavaScript holds pieces of it, and with
// them the whole, which is why little is copied out instead (see Socket).
class ReadSlab {
 public:
  // At least kLeast bytes, until the next call. Empty when there is no memory, with an exception pending, or
  // when the environment is going: its last turns of the loop may still bring events.
  MutableBytes room(Napi::Env env) {
    if (size_ - used_ < kLeast) {
      Napi::Buffer<uint8_t> fresh = Napi::Buffer<uint8_t>::New(env, kSize);
      if (fresh.IsEmpty() || env.IsExceptionPending() || fresh.Data() == nullptr) return {};
      buffer_ = Napi::Persistent(fresh.As<Napi::Object>());
      data_ = fresh.Data();
      size_ = kSize;
      used_ = 0;
    }
    return {data_ + used_, size_ - used_};
  }
  Napi::Value buffer() const { return buffer_.Value(); }
  size_t used() const { return used_; }
  // The first `count` bytes of room() belong to JavaScript now.
  void give(size_t count) { used_ += count; }

 private:
  static constexpr size_t kSize = 1024 * 1024;
  static constexpr size_t kLeast = 128 * 1024;

  Napi::ObjectReference buffer_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t used_ = 0;
};

}  // namespace ktls::napi

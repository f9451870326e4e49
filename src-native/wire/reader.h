// Takes fields off the payload of one frame. Never reads beyond it: a field that is not there makes
// the reader fail, and itself and every later one zero or empty.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace ktls::wire {

class Reader {
 public:
  explicit Reader(Bytes payload) : left_(payload) {}

  // False once a field was missing or beyond its bound.
  bool good() const { return good_; }
  // Good, and nothing is left over.
  bool complete() const { return good_ && left_.empty(); }

  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  Bytes bytes(size_t count) {
    if (!good_ || left_.size() < count) {
      good_ = false;
      return {};
    }
    Bytes field = left_.first(count);
    left_ = left_.subspan(count);
    return field;
  }
  void copy(MutableBytes into) {
    Bytes field = bytes(into.size());
    std::copy(field.begin(), field.end(), into.begin());
  }
  // u8 length, bytes.
  std::string_view name() { return view(bytes(u8())); }
  // u16 length, bytes, at most `limit`.
  std::string_view text(size_t limit) {
    size_t length = u16();
    if (length > limit) good_ = false;
    return view(bytes(length));
  }

 private:
  uint64_t number(size_t width) {
    uint64_t value = 0;
    for (uint8_t byte : bytes(width)) value = value << 8 | byte;
    return value;
  }
  static std::string_view view(Bytes field) {
    return {reinterpret_cast<const char*>(field.data()), field.size()};
  }

  Bytes left_;
  bool good_ = true;
};

}  // namespace ktls::wire

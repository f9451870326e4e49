// Puts frames, one behind the other, into memory that it owns and reuses.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "wire/frame.h"

namespace ktls::wire {

// Invariant: whole frames only, but for one that begin() opened and end() has not closed yet. Whoever
// writes looks at space() first: a message needs at most kMaxMessageLength + kFrameHeaderLength.
class Writer {
 public:
  explicit Writer(size_t capacity) : memory_(new uint8_t[capacity]), capacity_(capacity) {}

  Bytes written() const { return {memory_.get(), length_}; }
  size_t length() const { return length_; }
  size_t space() const { return capacity_ - length_; }
  // Forgets what was written behind the first `length` bytes.
  void truncate(size_t length) { length_ = length; }

  void begin(FrameType type) {
    frame_ = length_;
    u8(static_cast<uint8_t>(type));
    length_ += 4;
  }
  void end() { patch_length(length_ - frame_ - kFrameHeaderLength); }
  // For a payload that does not pass through here.
  void header(FrameType type, size_t payload) {
    begin(type);
    patch_length(payload);
  }
  // Where the next byte goes; advance() says how many the caller put there itself.
  uint8_t* position() { return memory_.get() + length_; }
  void advance(size_t count) { length_ += count; }

  void u8(uint8_t value) { memory_[length_++] = value; }
  void u16(uint16_t value) { number(value, 2); }
  void u32(uint32_t value) { number(value, 4); }
  void u64(uint64_t value) { number(value, 8); }
  void bytes(Bytes data) {
    std::memcpy(position(), data.data(), data.size());
    length_ += data.size();
  }
  // u8 length, bytes: at most kMaxNameLength, as the file system bounds them.
  void name(std::string_view text) {
    u8(static_cast<uint8_t>(text.size()));
    bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  // u16 length, bytes; cut to `limit`.
  void text(std::string_view text, size_t limit) {
    text = text.substr(0, limit);
    u16(static_cast<uint16_t>(text.size()));
    bytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }

 private:
  void number(uint64_t value, size_t width) {
    for (size_t i = width; i-- > 0;) memory_[length_++] = static_cast<uint8_t>(value >> (8 * i));
  }
  void patch_length(size_t payload) {
    uint8_t* field = memory_.get() + frame_ + 1;
    for (size_t i = 0; i < 4; i++) field[i] = static_cast<uint8_t>(payload >> (8 * (3 - i)));
  }

  std::unique_ptr<uint8_t[]> memory_;
  size_t capacity_;
  size_t length_ = 0;
  size_t frame_ = 0;
};

}  // namespace ktls::wire

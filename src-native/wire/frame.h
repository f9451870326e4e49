// The frames of the transfer protocol: docs/protocol.md is the specification, this is its grammar.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/status.h"

namespace ktls::wire {

inline constexpr uint8_t kMagic[4] = {'K', 'T', 'X', 'F'};
inline constexpr uint16_t kVersion = 1;

enum class FrameType : uint8_t {
  hello = 0x01,
  hello_ok = 0x02,
  error = 0x03,
  directory = 0x10,
  file_header = 0x11,
  file_data = 0x12,
  file_end = 0x13,
  file_abort = 0x14,
  symlink = 0x15,
  hard_link = 0x16,
  block_file = 0x17,
  block = 0x18,
  block_end = 0x19,
  block_file_end = 0x1a,
  skipped = 0x1b,
  totals = 0x20,
  progress = 0x21,
  file_error = 0x22,
  connection_needed = 0x23,
  connection_done = 0x30,
  all_done = 0x31,
};

// A frame of a type from here on may be ignored by who does not know it: that is how an old peer
// survives a new frame.
inline constexpr uint8_t kFirstIgnorableType = 0x80;

// type (1 byte), length of the payload (4 bytes, big-endian).
inline constexpr size_t kFrameHeaderLength = 5;
// Of file_data; its payload may be consumed piece by piece.
inline constexpr size_t kMaxDataLength = size_t{1} << 20;
// Of every other frame: held whole before it is parsed.
inline constexpr size_t kMaxMessageLength = size_t{16} << 10;

inline constexpr size_t kTokenLength = 16;
inline constexpr size_t kHashLength = 16;
inline constexpr size_t kMaxNameLength = 255;
inline constexpr size_t kMaxTargetLength = 4095;
inline constexpr size_t kMaxPathComponents = 64;
inline constexpr size_t kMaxPathText = 8192;
inline constexpr size_t kMaxMessageText = 1024;

struct FrameHeader {
  FrameType type;
  size_t length;
};

// `bytes` holds at least kFrameHeaderLength. Code::protocol when the length exceeds its bound.
Result<FrameHeader> parse_frame_header(Bytes bytes);

// What to answer to a payload that does not parse.
Status malformed(const char* frame);

}  // namespace ktls::wire

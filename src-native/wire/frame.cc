#include "wire/frame.h"

namespace ktls::wire {

Result<FrameHeader> parse_frame_header(Bytes bytes) {
  FrameHeader header;
  header.type = static_cast<FrameType>(bytes[0]);
  header.length = size_t{bytes[1]} << 24 | size_t{bytes[2]} << 16 | size_t{bytes[3]} << 8 | size_t{bytes[4]};
  size_t bound = header.type == FrameType::file_data ? kMaxDataLength : kMaxMessageLength;
  if (header.length > bound) {
    return Status::fail(Code::protocol, "a frame of type " + std::to_string(bytes[0]) + " announces " +
                                            std::to_string(header.length) +
                                            " bytes, more than its bound of " + std::to_string(bound));
  }
  return header;
}

Status malformed(const char* frame) {
  return Status::fail(Code::protocol, std::string("the peer sent a malformed ") + frame + " frame");
}

}  // namespace ktls::wire

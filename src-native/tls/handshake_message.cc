#include "tls/handshake_message.h"

namespace ktls::tls {

Result<Bytes> HandshakeMessages::next() {
  if (taken_ > 0) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(taken_));
    taken_ = 0;
  }
  if (pending_.size() < kHandshakeHeaderLength) return Bytes();
  const size_t length =
      kHandshakeHeaderLength + (size_t{pending_[1]} << 16 | size_t{pending_[2]} << 8 | pending_[3]);
  if (length > kMaxHandshakeMessage) {
    return Status::fail(Code::bad_record, "a handshake message is longer than any that may come here");
  }
  if (pending_.size() < length) return Bytes();
  taken_ = length;
  return Bytes(pending_).first(length);
}

}  // namespace ktls::tls

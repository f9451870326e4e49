#include "tls/handshake_message.h"

namespace ktls::tls {

// Once for each record, not for each message, of which one may hold thousands.
void HandshakeMessages::add(Bytes content) {
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(taken_));
  taken_ = 0;
  pending_.insert(pending_.end(), content.begin(), content.end());
}

Result<Bytes> HandshakeMessages::next() {
  const Bytes rest = Bytes(pending_).subspan(taken_);
  if (rest.size() < kHandshakeHeaderLength) return Bytes();
  const size_t length = kHandshakeHeaderLength + (size_t{rest[1]} << 16 | size_t{rest[2]} << 8 | rest[3]);
  if (length > kMaxHandshakeMessage) {
    return Status::fail(Code::bad_record, "a handshake message is longer than any that may come here");
  }
  if (rest.size() < length) return Bytes();
  taken_ += length;
  return rest.first(length);
}

}  // namespace ktls::tls

// The handshake messages that may come after the handshake (RFC 8446, 4; the hellos are TLS 1.2's
// renegotiation, RFC 5246, 7.4.1), cut out of records.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace ktls::tls {

enum class HandshakeType : uint8_t {
  hello_request = 0,
  client_hello = 1,
  new_session_ticket = 4,
  key_update = 24,
};

// The body of every handshake message starts behind its type and three bytes of length.
inline constexpr size_t kHandshakeHeaderLength = 4;
// No message after the handshake is as long as this; a longer one is refused before it is stored.
inline constexpr size_t kMaxHandshakeMessage = 65536;

// KeyUpdate, whole.
struct KeyUpdateMessage {
  explicit KeyUpdateMessage(bool request_peer)
      : bytes{static_cast<uint8_t>(HandshakeType::key_update), 0, 0, 1, request_peer} {}
  uint8_t bytes[5];
};

// Messages may share a record or span several; this puts them together.
class HandshakeMessages {
 public:
  // The content of one more record. The view need not outlive the call.
  void add(Bytes content);
  // The next message, header included, valid until the next call of add() or next(); empty when none
  // is whole. bad_record when one claims to be longer than kMaxHandshakeMessage.
  Result<Bytes> next();
  // Whether bytes of a message that is not whole, or was not taken, wait here.
  bool has_pending() const { return taken_ < pending_.size(); }

 private:
  std::vector<uint8_t> pending_;
  size_t taken_ = 0;
};

}  // namespace ktls::tls

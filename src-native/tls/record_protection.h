// How one direction's records are protected: header, nonce, additional data, inner content type. One
// class for each version of TLS; the record layers above know none of it.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "tls/aead.h"
#include "tls/record_layer.h"

namespace ktls::tls {

class RecordProtection {
 public:
  virtual ~RecordProtection() = default;

  // Whether a record of that outer type may come after the handshake.
  virtual bool may_come(uint8_t outer_type) const = 0;
  // Bytes that a record has beside its content.
  virtual size_t overhead() const = 0;
  // Writes a whole record, content.size() + overhead() bytes, to `out`, which does not overlap
  // `content` (at most kMaxPlaintext bytes). Code::limit, also from open(), rather than a sequence number
  // that comes twice.
  virtual Status seal(ContentType type, Bytes content, uint8_t* out) = 0;

  // Of what follows the header; a record outside of them is refused before it is opened.
  virtual size_t min_fragment() const = 0;
  virtual size_t max_fragment() const = 0;
  // Of a record with a fragment of that length: the most content that it can have.
  virtual size_t max_content(size_t fragment_length) const = 0;
  // Where in a record its content starts when it is opened in place.
  virtual size_t content_offset() const = 0;

  struct Opened {
    uint8_t type;  // of ContentType, unchecked; 0 when the record has none
    size_t length;
  };
  // Opens a whole record. The content goes to `into`, which has room for max_content() bytes and is
  // either outside of `record` or at its content_offset(). bad_record_mac.
  virtual Result<Opened> open(MutableBytes record, uint8_t* into) = 0;

  // Continues with the next traffic secret and sequence number 0 (RFC 8446, 7.2), where the version can.
  virtual bool can_update_key() const = 0;
  virtual Status update_key() = 0;
  // Of the next record.
  virtual uint64_t sequence() const = 0;
};

// RFC 8446, 5.3 and RFC 5246, 6.1: it must not wrap, so that this one is never used.
inline constexpr uint64_t kNoSequence = UINT64_MAX;
Status sequence_spent();

// TLS 1.3 (RFC 8446, 5.2 and 5.3) or TLS 1.2, as the state says.
Result<std::unique_ptr<RecordProtection>> create_protection(const TrafficState& state,
                                                            Aead::Direction direction);

// TLS 1.2 (RFC 5246, 6.2.3.3; RFC 5288 and RFC 7905).
Result<std::unique_ptr<RecordProtection>> create_tls12_protection(const TrafficState& state,
                                                                  Aead::Direction direction);

}  // namespace ktls::tls

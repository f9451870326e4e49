#include <string.h>

#include "tls/key_schedule.h"
#include "tls/record_protection.h"

namespace ktls::tls {

namespace {

constexpr size_t kSaltLength = 4;
constexpr size_t kExplicitLength = 8;

void put_big_endian(uint8_t* out, uint64_t value) {
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(value >> (8 * (7 - i)));
}

// GenericAEADCipher: type, version, length, the explicit part of the nonce, content, tag.
class Tls12Protection final : public RecordProtection {
 public:
  Tls12Protection(const TrafficState& state, const uint8_t* iv, Aead aead)
      : explicit_length_(state.suite == CipherSuite::chacha20_poly1305_sha256 ? 0 : kExplicitLength),
        sequence_(state.sequence),
        aead_(std::move(aead)) {
    memcpy(iv_, iv, kIvLength);
  }
  ~Tls12Protection() override { explicit_bzero(iv_, sizeof iv_); }

  bool may_come(uint8_t outer_type) const override {
    return outer_type >= static_cast<uint8_t>(ContentType::change_cipher_spec) &&
           outer_type <= static_cast<uint8_t>(ContentType::application_data);
  }
  size_t overhead() const override { return content_offset() + kTagLength; }

  Status seal(ContentType type, Bytes content, uint8_t* out) override {
    if (sequence_ == kNoSequence) return sequence_spent();
    const size_t fragment = explicit_length_ + content.size() + kTagLength;
    out[0] = static_cast<uint8_t>(type);
    out[1] = 3;
    out[2] = 3;
    out[3] = static_cast<uint8_t>(fragment >> 8);
    out[4] = static_cast<uint8_t>(fragment);
    uint8_t nonce[kIvLength];
    if (explicit_length_ > 0) {
      // Counted on from where the handshake left it, so that no nonce comes twice under the key.
      memcpy(nonce, iv_, kIvLength);
      memcpy(out + kHeaderLength, nonce + kSaltLength, kExplicitLength);
      for (size_t i = kIvLength; i > kSaltLength && ++iv_[i - 1] == 0;) --i;
    } else {
      sequence_nonce(nonce);
    }
    uint8_t associated[kAssociatedLength];
    associate(associated, out, content.size());
    ++sequence_;
    return aead_.seal(nonce, associated, content, {}, out + content_offset());
  }

  size_t min_fragment() const override { return explicit_length_ + kTagLength; }
  size_t max_fragment() const override { return explicit_length_ + kMaxPlaintext + kTagLength; }
  size_t max_content(size_t fragment_length) const override {
    return fragment_length - explicit_length_ - kTagLength;
  }
  size_t content_offset() const override { return kHeaderLength + explicit_length_; }

  Result<Opened> open(MutableBytes record, uint8_t* into) override {
    if (sequence_ == kNoSequence) return sequence_spent();
    const size_t length = max_content(record.size() - kHeaderLength);
    uint8_t nonce[kIvLength];
    if (explicit_length_ > 0) {
      memcpy(nonce, iv_, kSaltLength);
      memcpy(nonce + kSaltLength, record.data() + kHeaderLength, kExplicitLength);
    } else {
      sequence_nonce(nonce);
    }
    uint8_t associated[kAssociatedLength];
    associate(associated, record.data(), length);
    ++sequence_;
    KTLS_TRY(aead_.open(nonce, associated, record.subspan(content_offset()), {into, length}, {}));
    return Opened{record[0], length};
  }

  bool can_update_key() const override { return false; }
  Status update_key() override {
    return Status::fail(Code::key_update_unsupported, "TLS 1.2 has no KeyUpdate");
  }

  uint64_t sequence() const override { return sequence_; }

 private:
  // RFC 5246, 6.2.3.3: sequence number, type, version, length of the content.
  static constexpr size_t kAssociatedLength = 13;

  void associate(uint8_t* out, const uint8_t* header, size_t length) const {
    put_big_endian(out, sequence_);
    memcpy(out + 8, header, 3);
    out[11] = static_cast<uint8_t>(length >> 8);
    out[12] = static_cast<uint8_t>(length);
  }

  // RFC 7905, 2: the sequence number, XORed into the end of the IV.
  void sequence_nonce(uint8_t* nonce) const {
    uint8_t number[8];
    put_big_endian(number, sequence_);
    memcpy(nonce, iv_, kIvLength);
    for (size_t i = 0; i < 8; ++i) nonce[kSaltLength + i] ^= number[i];
  }

  const size_t explicit_length_;
  uint8_t iv_[kIvLength];
  uint64_t sequence_;
  Aead aead_;
};

}  // namespace

Result<std::unique_ptr<RecordProtection>> create_tls12_protection(const TrafficState& state,
                                                                  Aead::Direction direction) {
  TrafficKeys keys;
  KTLS_TRY(derive_keys(state, keys));
  Result<Aead> aead = Aead::create(state.suite, direction, keys.key);
  if (!aead.ok()) return aead.status();
  return std::unique_ptr<RecordProtection>(
      std::make_unique<Tls12Protection>(state, keys.iv, std::move(*aead)));
}

}  // namespace ktls::tls

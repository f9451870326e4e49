#include <string.h>

#include "tls/key_schedule.h"
#include "tls/record_protection.h"

namespace ktls::tls {

namespace {

// TLSCiphertext: opaque_type, legacy_record_version, length, then content, its type, zeros, and tag.
class Tls13Protection final : public RecordProtection {
 public:
  Tls13Protection(const TrafficState& state, const uint8_t* iv, Aead aead)
      : state_(state), aead_(std::move(aead)) {
    memcpy(iv_, iv, kIvLength);
  }
  ~Tls13Protection() override {
    explicit_bzero(&state_, sizeof state_);
    explicit_bzero(iv_, sizeof iv_);
  }

  bool may_come(uint8_t outer_type) const override {
    return outer_type == static_cast<uint8_t>(ContentType::application_data);
  }
  size_t overhead() const override { return kHeaderLength + 1 + kTagLength; }

  Status seal(ContentType type, Bytes content, uint8_t* out) override {
    if (state_.sequence == kNoSequence) return sequence_spent();
    const size_t fragment = content.size() + 1 + kTagLength;
    out[0] = static_cast<uint8_t>(ContentType::application_data);
    out[1] = 3;
    out[2] = 3;
    out[3] = static_cast<uint8_t>(fragment >> 8);
    out[4] = static_cast<uint8_t>(fragment);
    uint8_t nonce[kIvLength];
    next_nonce(nonce);
    const uint8_t inner_type = static_cast<uint8_t>(type);
    return aead_.seal(nonce, {out, kHeaderLength}, content, {&inner_type, 1}, out + kHeaderLength);
  }

  size_t min_fragment() const override { return 1 + kTagLength; }
  // The inner plaintext, padding included, is at most 2^14 + 1 bytes.
  size_t max_fragment() const override { return kMaxPlaintext + 1 + kTagLength; }
  size_t max_content(size_t fragment_length) const override { return fragment_length - 1 - kTagLength; }
  size_t content_offset() const override { return kHeaderLength; }

  Result<Opened> open(MutableBytes record, uint8_t* into) override {
    if (state_.sequence == kNoSequence) return sequence_spent();
    size_t length = max_content(record.size() - kHeaderLength);
    uint8_t nonce[kIvLength];
    next_nonce(nonce);
    uint8_t type;
    KTLS_TRY(aead_.open(nonce, record.first(kHeaderLength), record.subspan(kHeaderLength), {into, length},
                        {&type, 1}));
    // Behind the type there may be any number of zeros.
    while (type == 0 && length > 0) type = into[--length];
    return Opened{type, length};
  }

  bool can_update_key() const override { return true; }
  Status update_key() override {
    KTLS_TRY(advance_secret(state_));
    TrafficKeys keys;
    KTLS_TRY(derive_keys(state_, keys));
    memcpy(iv_, keys.iv, kIvLength);
    return aead_.set_key(keys.key);
  }

  uint64_t sequence() const override { return state_.sequence; }

 private:
  // The sequence number, XORed into the end of the IV.
  void next_nonce(uint8_t* nonce) {
    memcpy(nonce, iv_, kIvLength);
    for (size_t i = 0; i < 8; ++i)
      nonce[kIvLength - 1 - i] ^= static_cast<uint8_t>(state_.sequence >> (8 * i));
    ++state_.sequence;
  }

  TrafficState state_;
  uint8_t iv_[kIvLength];
  Aead aead_;
};

}  // namespace

Status sequence_spent() {
  return Status::fail(Code::limit,
                      "the numbers of records under this key are used up: open another connection");
}

Result<std::unique_ptr<RecordProtection>> create_protection(const TrafficState& state,
                                                            Aead::Direction direction) {
  if (state.version == ProtocolVersion::tls12) return create_tls12_protection(state, direction);
  TrafficKeys keys;
  KTLS_TRY(derive_keys(state, keys));
  Result<Aead> aead = Aead::create(state.suite, direction, keys.key);
  if (!aead.ok()) return aead.status();
  return std::unique_ptr<RecordProtection>(
      std::make_unique<Tls13Protection>(state, keys.iv, std::move(*aead)));
}

}  // namespace ktls::tls

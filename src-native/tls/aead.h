// Authenticated encryption with one key, through OpenSSL's EVP, without an allocation per record.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "tls/cipher.h"

namespace ktls::tls {

struct EvpCipherContext;

struct EvpCipherContextDeleter {
  void operator()(EvpCipherContext* context) const;
};

// For one direction: a context either seals or opens. Not for use by two threads at once.
class Aead {
 public:
  enum class Direction : uint8_t { seal, open };

  // `key` has traits(suite).key_length bytes. unsupported where there is no OpenSSL.
  static Result<Aead> create(CipherSuite suite, Direction direction, const uint8_t* key);

  // Another key of the same suite.
  Status set_key(const uint8_t* key);

  // Encrypts `content` followed by `trailer` into `out`, which gets their bytes and the tag
  // (content + trailer + kTagLength bytes) and overlaps neither.
  Status seal(const uint8_t* nonce, Bytes associated, Bytes content, Bytes trailer, uint8_t* out);

  // Decrypts `sealed` (ciphertext and tag): the first bytes into `head`, the last `tail.size()` into
  // `tail`, so that what follows the content need not be given room beside it. head.size() +
  // tail.size() + kTagLength == sealed.size(). `head` may be the very start of `sealed`, no other
  // overlap. bad_record_mac when the tag is wrong; head and tail are then wiped.
  Status open(const uint8_t* nonce, Bytes associated, Bytes sealed, MutableBytes head, MutableBytes tail);

 private:
  Aead(Direction direction, std::unique_ptr<EvpCipherContext, EvpCipherContextDeleter> context)
      : direction_(direction), context_(std::move(context)) {}

  Direction direction_;
  std::unique_ptr<EvpCipherContext, EvpCipherContextDeleter> context_;
};

}  // namespace ktls::tls

// A keyed hash of file content, at the speed of the processor's carry-less multiplication: GMAC
// (NIST SP 800-38D: AES-128-GCM with additional data only), several GB/s on one thread.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "tls/aead.h"

namespace ktls::tls {

// Detects every accidental change but one in 2^128 or so, and a deliberate one by whoever does not
// hold the key. A (key, nonce) pair must serve one content only: two contents under one pair betray
// the hash key to whoever sees both hashes, though never a plaintext.
class ContentHash {
 public:
  static constexpr size_t kKeyLength = 16;
  static constexpr size_t kNonceLength = 12;
  static constexpr size_t kLength = 16;

  // unsupported where there is no OpenSSL.
  static Result<ContentHash> create(const uint8_t key[kKeyLength]);

  // Starts a content.
  Status reset(const uint8_t nonce[kNonceLength]);
  Status update(Bytes data);
  // Ends it. reset() comes next.
  Status finish(uint8_t out[kLength]);

 private:
  explicit ContentHash(std::unique_ptr<EvpCipherContext, EvpCipherContextDeleter> context)
      : context_(std::move(context)) {}

  std::unique_ptr<EvpCipherContext, EvpCipherContextDeleter> context_;
};

}  // namespace ktls::tls

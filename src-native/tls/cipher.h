// The cipher suites the record layers know (RFC 8446, B.4). In TLS 1.2 each stands for the ECDHE suites of
// the same AEAD and hash (RFC 5289, RFC 7905).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ktls::tls {

enum class CipherSuite : uint8_t { aes_128_gcm_sha256, aes_256_gcm_sha384, chacha20_poly1305_sha256 };

inline constexpr CipherSuite kCipherSuites[] = {
    CipherSuite::aes_128_gcm_sha256,
    CipherSuite::aes_256_gcm_sha384,
    CipherSuite::chacha20_poly1305_sha256,
};

enum class ProtocolVersion : uint8_t { tls12, tls13 };

struct CipherTraits {
  const char* name;    // as Node and the RFC spell it: "TLS_AES_128_GCM_SHA256"
  size_t key_length;   // bytes
  size_t hash_length;  // bytes of a traffic secret: 32 (SHA-256) or 48 (SHA-384)
};

const CipherTraits& traits(CipherSuite suite);
std::optional<CipherSuite> cipher_by_name(std::string_view name);

inline constexpr size_t kIvLength = 12;
inline constexpr size_t kTagLength = 16;
inline constexpr size_t kHeaderLength = 5;
// RFC 8446, 5.1 and 5.2.
inline constexpr size_t kMaxPlaintext = 16384;
inline constexpr size_t kMaxCiphertext = kMaxPlaintext + 256;
// DESIGN: no AES-GCM key protects more records than this.
inline constexpr uint64_t kMaxRecordsPerKey = uint64_t{1} << 24;

}  // namespace ktls::tls

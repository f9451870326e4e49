#include "tls/cipher.h"

namespace ktls::tls {

const CipherTraits& traits(CipherSuite suite) {
  static constexpr CipherTraits table[] = {
      {"TLS_AES_128_GCM_SHA256", 16, 32},
      {"TLS_AES_256_GCM_SHA384", 32, 48},
      {"TLS_CHACHA20_POLY1305_SHA256", 32, 32},
  };
  return table[static_cast<size_t>(suite)];
}

std::optional<CipherSuite> cipher_by_name(std::string_view name) {
  for (CipherSuite suite : kCipherSuites) {
    if (name == traits(suite).name) return suite;
  }
  return std::nullopt;
}

}  // namespace ktls::tls

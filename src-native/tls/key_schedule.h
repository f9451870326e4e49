// From a traffic secret to a key, and to the next secret (RFC 8446, 7.1 to 7.3). TLS 1.2 has the key already.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "tls/cipher.h"
#include "tls/record_layer.h"

namespace ktls::tls {

struct TrafficKeys {
  uint8_t key[32];  // traits(suite).key_length bytes
  uint8_t iv[kIvLength];

  ~TrafficKeys();
};

// HKDF-Expand of RFC 5869 with the suite's hash; `out` of at most 255 hash lengths. unsupported
// where there is no OpenSSL.
Status hkdf_expand(CipherSuite suite, Bytes pseudorandom_key, Bytes info, MutableBytes out);

// HKDF-Expand-Label; `label` without "tls13 ".
Status hkdf_expand_label(CipherSuite suite, Bytes secret, std::string_view label, Bytes context,
                         MutableBytes out);

Status derive_keys(const TrafficState& state, TrafficKeys& keys);

// application_traffic_secret_N+1; the sequence number starts at 0 again. TLS 1.3 only.
Status advance_secret(TrafficState& state);

}  // namespace ktls::tls

#include "tls/key_schedule.h"

#include <string.h>

#include <algorithm>

#include "tls/openssl.h"

namespace ktls::tls {

namespace {

constexpr size_t kMaxHash = 48;

Bytes secret_of(const TrafficState& state) { return {state.secret, traits(state.suite).hash_length}; }

}  // namespace

TrafficKeys::~TrafficKeys() { explicit_bzero(this, sizeof *this); }

Status hkdf_expand(CipherSuite suite, Bytes pseudorandom_key, Bytes info, MutableBytes out) {
  const Openssl* evp = openssl();
  if (evp == nullptr) return Status::fail(Code::unsupported, kNoOpenssl);
  const size_t hash_length = traits(suite).hash_length;
  const EvpDigest* digest = hash_length == 48 ? evp->EVP_sha384() : evp->EVP_sha256();
  uint8_t block[kMaxHash];
  uint8_t message[kMaxHash + 256 + 1];
  if (info.size() > 256 || out.size() > 255 * hash_length) {
    return Status::fail(Code::invalid_option, "HKDF-Expand: too long");
  }
  size_t previous = 0;
  for (uint8_t counter = 1; !out.empty(); ++counter) {
    memcpy(message, block, previous);
    if (!info.empty()) memcpy(message + previous, info.data(), info.size());
    message[previous + info.size()] = counter;
    if (evp->HMAC(digest, pseudorandom_key.data(), static_cast<int>(pseudorandom_key.size()), message,
                  previous + info.size() + 1, block, nullptr) == nullptr) {
      return Status::fail(Code::unsupported, "OpenSSL failed: HMAC");
    }
    previous = hash_length;
    size_t part = std::min(hash_length, out.size());
    memcpy(out.data(), block, part);
    out = out.subspan(part);
  }
  explicit_bzero(block, sizeof block);
  explicit_bzero(message, sizeof message);
  return {};
}

Status hkdf_expand_label(CipherSuite suite, Bytes secret, std::string_view label, Bytes context,
                         MutableBytes out) {
  constexpr std::string_view prefix = "tls13 ";
  // struct HkdfLabel: uint16 length; opaque label<7..255>; opaque context<0..255>.
  uint8_t info[256];
  if (prefix.size() + label.size() + context.size() + 4 > sizeof info) {
    return Status::fail(Code::invalid_option, "HKDF-Expand-Label: too long");
  }
  size_t at = 0;
  info[at++] = static_cast<uint8_t>(out.size() >> 8);
  info[at++] = static_cast<uint8_t>(out.size());
  info[at++] = static_cast<uint8_t>(prefix.size() + label.size());
  at = std::copy(prefix.begin(), prefix.end(), info + at) - info;
  at = std::copy(label.begin(), label.end(), info + at) - info;
  info[at++] = static_cast<uint8_t>(context.size());
  at = std::copy(context.begin(), context.end(), info + at) - info;
  return hkdf_expand(suite, secret, {info, at}, out);
}

Status derive_keys(const TrafficState& state, TrafficKeys& keys) {
  const size_t key_length = traits(state.suite).key_length;
  if (state.version == ProtocolVersion::tls12) {
    memcpy(keys.key, state.secret, key_length);
    memcpy(keys.iv, state.secret + key_length, kIvLength);
    return {};
  }
  KTLS_TRY(hkdf_expand_label(state.suite, secret_of(state), "key", {}, {keys.key, key_length}));
  return hkdf_expand_label(state.suite, secret_of(state), "iv", {}, keys.iv);
}

Status advance_secret(TrafficState& state) {
  uint8_t next[kMaxHash];
  const size_t length = traits(state.suite).hash_length;
  KTLS_TRY(hkdf_expand_label(state.suite, secret_of(state), "traffic upd", {}, {next, length}));
  memcpy(state.secret, next, length);
  explicit_bzero(next, sizeof next);
  state.sequence = 0;
  return {};
}

}  // namespace ktls::tls

#include "tls/key_schedule.h"

#include <string.h>

#include <algorithm>
#include <memory>

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
  if (out.size() > 255 * hash_length) {
    return Status::fail(Code::invalid_option, "HKDF-Expand: too long");
  }
  std::unique_ptr<HmacContext, void (*)(HmacContext*)> hmac(evp->HMAC_CTX_new(), evp->HMAC_CTX_free);
  const EvpDigest* digest = hash_length == kMaxHash ? evp->sha384 : evp->sha256;
  bool done = hmac && evp->HMAC_Init_ex(hmac.get(), pseudorandom_key.data(),
                                        static_cast<int>(pseudorandom_key.size()), digest, nullptr) == 1;
  uint8_t block[kMaxHash];
  for (uint8_t counter = 1; done && !out.empty(); ++counter) {
    // Without a key: the same, from its start.
    if (counter > 1) {
      done = evp->HMAC_Init_ex(hmac.get(), nullptr, 0, nullptr, nullptr) == 1 &&
             evp->HMAC_Update(hmac.get(), block, hash_length) == 1;
    }
    done = done && evp->HMAC_Update(hmac.get(), info.data(), info.size()) == 1 &&
           evp->HMAC_Update(hmac.get(), &counter, 1) == 1 && evp->HMAC_Final(hmac.get(), block, nullptr) == 1;
    if (!done) break;
    size_t part = std::min(hash_length, out.size());
    memcpy(out.data(), block, part);
    out = out.subspan(part);
  }
  explicit_bzero(block, sizeof block);
  return done ? Status() : Status::fail(Code::unsupported, "OpenSSL failed: HMAC");
}

Status hkdf_expand_label(CipherSuite suite, Bytes secret, std::string_view label, Bytes context,
                         MutableBytes out) {
  constexpr std::string_view prefix = "tls13 ";
  // struct HkdfLabel: uint16 length; opaque label<7..255>; opaque context<0..255>.
  constexpr size_t longest = 255;
  uint8_t info[2 + 1 + longest + 1 + longest];
  if (prefix.size() + label.size() > longest || context.size() > longest) {
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

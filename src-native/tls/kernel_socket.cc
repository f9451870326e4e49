#include "tls/kernel_socket.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "tls/key_schedule.h"

namespace ktls::tls {

namespace {

// The kernel knows which of them it is by cipher_type, and how long by optlen.
union CryptoInfo {
  tls_crypto_info info;
  tls12_crypto_info_aes_gcm_128 aes_128;
  tls12_crypto_info_aes_gcm_256 aes_256;
  tls12_crypto_info_chacha20_poly1305 chacha20;

  CryptoInfo() { memset(this, 0, sizeof *this); }
  ~CryptoInfo() { explicit_bzero(this, sizeof *this); }
};

// GCM's nonce is a salt of 4 bytes and 8 that the sequence number goes into; ChaCha20's is one piece.
template <typename Info>
void fill_gcm(Info& info, const TrafficKeys& keys) {
  memcpy(info.key, keys.key, sizeof info.key);
  memcpy(info.salt, keys.iv, sizeof info.salt);
  memcpy(info.iv, keys.iv + sizeof info.salt, sizeof info.iv);
}

struct Layout {
  uint16_t cipher_type;
  socklen_t length;
  uint8_t* sequence;
};

Layout layout(CryptoInfo& crypto, CipherSuite suite) {
  switch (suite) {
    case CipherSuite::aes_128_gcm_sha256:
      return {TLS_CIPHER_AES_GCM_128, sizeof crypto.aes_128, crypto.aes_128.rec_seq};
    case CipherSuite::aes_256_gcm_sha384:
      return {TLS_CIPHER_AES_GCM_256, sizeof crypto.aes_256, crypto.aes_256.rec_seq};
    case CipherSuite::chacha20_poly1305_sha256:
      return {TLS_CIPHER_CHACHA20_POLY1305, sizeof crypto.chacha20, crypto.chacha20.rec_seq};
  }
  return {};
}

}  // namespace

Status attach_ulp(int fd) {
  if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3) == 0) return {};
  return Status::system("setsockopt(TCP_ULP)", errno);
}

Status install_key(int fd, KernelDirection direction, const TrafficState& state) {
  TrafficKeys keys;
  KTLS_TRY(derive_keys(state, keys));
  CryptoInfo crypto;
  const Layout shape = layout(crypto, state.suite);
  crypto.info.version = state.version == ProtocolVersion::tls12 ? TLS_1_2_VERSION : TLS_1_3_VERSION;
  crypto.info.cipher_type = shape.cipher_type;
  switch (state.suite) {
    case CipherSuite::aes_128_gcm_sha256:
      fill_gcm(crypto.aes_128, keys);
      break;
    case CipherSuite::aes_256_gcm_sha384:
      fill_gcm(crypto.aes_256, keys);
      break;
    case CipherSuite::chacha20_poly1305_sha256:
      memcpy(crypto.chacha20.key, keys.key, sizeof crypto.chacha20.key);
      memcpy(crypto.chacha20.iv, keys.iv, sizeof crypto.chacha20.iv);
      break;
  }
  for (size_t i = 0; i < 8; ++i) shape.sequence[i] = static_cast<uint8_t>(state.sequence >> (8 * (7 - i)));
  const bool tx = direction == KernelDirection::tx;
  if (setsockopt(fd, SOL_TLS, tx ? TLS_TX : TLS_RX, &crypto, shape.length) == 0) return {};
  return Status::system(tx ? "setsockopt(TLS_TX)" : "setsockopt(TLS_RX)", errno);
}

Result<uint64_t> kernel_tx_sequence(int fd, CipherSuite suite) {
  CryptoInfo crypto;
  const Layout shape = layout(crypto, suite);
  socklen_t length = shape.length;
  if (getsockopt(fd, SOL_TLS, TLS_TX, &crypto, &length) != 0) {
    return Status::system("getsockopt(TLS_TX)", errno);
  }
  uint64_t sequence = 0;
  for (size_t i = 0; i < 8; ++i) sequence = sequence << 8 | shape.sequence[i];
  return sequence;
}

}  // namespace ktls::tls

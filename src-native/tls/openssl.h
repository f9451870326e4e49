// The few functions of OpenSSL that the record layer needs, found in the running process (Node
// exports its own) or, failing that, in the system's libcrypto. Nothing is linked, so that the addon
// loads where neither exists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ktls::tls {

// Opaque, as in OpenSSL's headers, which a build of this does not need.
struct EvpCipher;
struct EvpCipherContext;
struct EvpDigest;
struct EvpEngine;
struct HmacContext;

// Function pointers by OpenSSL's own names; signatures as in OpenSSL 1.1.1 and 3.
struct Openssl {
  EvpCipherContext* (*EVP_CIPHER_CTX_new)();
  void (*EVP_CIPHER_CTX_free)(EvpCipherContext*);
  int (*EVP_CIPHER_CTX_ctrl)(EvpCipherContext*, int type, int argument, void* pointer);
  int (*EVP_EncryptInit_ex)(EvpCipherContext*, const EvpCipher*, EvpEngine*, const uint8_t* key,
                            const uint8_t* iv);
  int (*EVP_EncryptUpdate)(EvpCipherContext*, uint8_t* out, int* out_length, const uint8_t* in, int length);
  int (*EVP_EncryptFinal_ex)(EvpCipherContext*, uint8_t* out, int* out_length);
  int (*EVP_DecryptInit_ex)(EvpCipherContext*, const EvpCipher*, EvpEngine*, const uint8_t* key,
                            const uint8_t* iv);
  int (*EVP_DecryptUpdate)(EvpCipherContext*, uint8_t* out, int* out_length, const uint8_t* in, int length);
  int (*EVP_DecryptFinal_ex)(EvpCipherContext*, uint8_t* out, int* out_length);
  HmacContext* (*HMAC_CTX_new)();
  void (*HMAC_CTX_free)(HmacContext*);
  int (*HMAC_Init_ex)(HmacContext*, const void* key, int key_length, const EvpDigest*, EvpEngine*);
  int (*HMAC_Update)(HmacContext*, const uint8_t* data, size_t length);
  int (*HMAC_Final)(HmacContext*, uint8_t* out, unsigned* out_length);
  const char* (*OpenSSL_version)(int what);

  // Fetched once, where it is OpenSSL 3: the functions of the same names give out what is looked up anew
  // for every key, which takes longer than the key schedule of TLS itself.
  const EvpCipher* aes_128_gcm;
  const EvpCipher* aes_256_gcm;
  // Null in FIPS mode.
  const EvpCipher* chacha20_poly1305;
  const EvpDigest* sha256;
  const EvpDigest* sha384;
};

// EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG.
inline constexpr int kEvpGetTag = 0x10;
inline constexpr int kEvpSetTag = 0x11;

// Null where there is none. Looked up at the first call, once; thread-safe.
const Openssl* openssl();

// What a user is told where there is none.
inline constexpr const char* kNoOpenssl =
    "no OpenSSL was found, neither in this process nor as libcrypto.so.3: run under Node.js, or install "
    "OpenSSL 3 (Debian: libssl3)";

}  // namespace ktls::tls

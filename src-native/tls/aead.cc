#include "tls/aead.h"

#include <string.h>

#include "tls/openssl.h"

namespace ktls::tls {

namespace {

const EvpCipher* evp_cipher(const Openssl& evp, CipherSuite suite) {
  switch (suite) {
    case CipherSuite::aes_128_gcm_sha256:
      return evp.aes_128_gcm;
    case CipherSuite::aes_256_gcm_sha384:
      return evp.aes_256_gcm;
    case CipherSuite::chacha20_poly1305_sha256:
      return evp.chacha20_poly1305;
  }
  return nullptr;
}

Status failed(const char* what) {
  return Status::fail(Code::unsupported, std::string("OpenSSL failed: ") + what);
}

}  // namespace

void EvpCipherContextDeleter::operator()(EvpCipherContext* context) const {
  openssl()->EVP_CIPHER_CTX_free(context);
}

Result<Aead> Aead::create(CipherSuite suite, Direction direction, const uint8_t* key) {
  const Openssl* evp = openssl();
  if (evp == nullptr) return Status::fail(Code::unsupported, kNoOpenssl);
  std::unique_ptr<EvpCipherContext, EvpCipherContextDeleter> context(evp->EVP_CIPHER_CTX_new());
  if (!context) return failed("EVP_CIPHER_CTX_new");
  auto* initialize = direction == Direction::seal ? evp->EVP_EncryptInit_ex : evp->EVP_DecryptInit_ex;
  const EvpCipher* cipher = evp_cipher(*evp, suite);
  if (cipher == nullptr || initialize(context.get(), cipher, nullptr, key, nullptr) != 1) {
    return failed("the cipher is not available (FIPS mode?)");
  }
  return Aead(direction, std::move(context));
}

Status Aead::set_key(const uint8_t* key) {
  const Openssl& evp = *openssl();
  auto* initialize = direction_ == Direction::seal ? evp.EVP_EncryptInit_ex : evp.EVP_DecryptInit_ex;
  return initialize(context_.get(), nullptr, nullptr, key, nullptr) == 1 ? Status() : failed("set key");
}

Status Aead::seal(const uint8_t* nonce, Bytes associated, Bytes content, Bytes trailer, uint8_t* out) {
  const Openssl& evp = *openssl();
  EvpCipherContext* context = context_.get();
  int written = 0;
  bool done = evp.EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce) == 1 &&
              evp.EVP_EncryptUpdate(context, nullptr, &written, associated.data(),
                                    static_cast<int>(associated.size())) == 1;
  for (Bytes part : {content, trailer}) {
    if (part.empty()) continue;
    done = done &&
           evp.EVP_EncryptUpdate(context, out, &written, part.data(), static_cast<int>(part.size())) == 1;
    out += part.size();
  }
  done = done && evp.EVP_EncryptFinal_ex(context, out, &written) == 1 &&
         evp.EVP_CIPHER_CTX_ctrl(context, kEvpGetTag, kTagLength, out) == 1;
  return done ? Status() : failed("seal");
}

Status Aead::open(const uint8_t* nonce, Bytes associated, Bytes sealed, MutableBytes head,
                  MutableBytes tail) {
  const Openssl& evp = *openssl();
  EvpCipherContext* context = context_.get();
  uint8_t tag[kTagLength];
  memcpy(tag, sealed.data() + head.size() + tail.size(), kTagLength);
  int written = 0;
  bool done = evp.EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce) == 1 &&
              evp.EVP_CIPHER_CTX_ctrl(context, kEvpSetTag, kTagLength, tag) == 1 &&
              evp.EVP_DecryptUpdate(context, nullptr, &written, associated.data(),
                                    static_cast<int>(associated.size())) == 1;
  const uint8_t* in = sealed.data();
  for (MutableBytes part : {head, tail}) {
    if (part.empty()) continue;
    done =
        done && evp.EVP_DecryptUpdate(context, part.data(), &written, in, static_cast<int>(part.size())) == 1;
    in += part.size();
  }
  if (!done) return failed("open");
  uint8_t nothing[kTagLength];
  if (evp.EVP_DecryptFinal_ex(context, nothing, &written) == 1) return {};
  if (!head.empty()) memset(head.data(), 0, head.size());
  if (!tail.empty()) memset(tail.data(), 0, tail.size());
  return Status::fail(Code::bad_record_mac, "a record failed authentication: bytes were changed on the way");
}

}  // namespace ktls::tls

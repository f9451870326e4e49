#include "tls/content_hash.h"

#include <algorithm>

#include "tls/openssl.h"

namespace ktls::tls {

namespace {

// EVP takes an int.
constexpr size_t kMaxUpdate = size_t{1} << 30;

Status failed() { return Status::fail(Code::unsupported, "OpenSSL failed: GMAC"); }

}  // namespace

Result<ContentHash> ContentHash::create(const uint8_t key[kKeyLength]) {
  const Openssl* evp = openssl();
  if (evp == nullptr) return Status::fail(Code::unsupported, kNoOpenssl);
  std::unique_ptr<EvpCipherContext, EvpCipherContextDeleter> context(evp->EVP_CIPHER_CTX_new());
  if (!context ||
      evp->EVP_EncryptInit_ex(context.get(), evp->EVP_aes_128_gcm(), nullptr, key, nullptr) != 1) {
    return failed();
  }
  return ContentHash(std::move(context));
}

Status ContentHash::reset(const uint8_t nonce[kNonceLength]) {
  return openssl()->EVP_EncryptInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce) == 1 ? Status()
                                                                                              : failed();
}

Status ContentHash::update(Bytes data) {
  const Openssl& evp = *openssl();
  while (!data.empty()) {
    size_t part = std::min(data.size(), kMaxUpdate);
    int length = 0;
    if (evp.EVP_EncryptUpdate(context_.get(), nullptr, &length, data.data(), static_cast<int>(part)) != 1) {
      return failed();
    }
    data = data.subspan(part);
  }
  return {};
}

Status ContentHash::finish(uint8_t out[kLength]) {
  const Openssl& evp = *openssl();
  int length = 0;
  bool done = evp.EVP_EncryptFinal_ex(context_.get(), out, &length) == 1 &&
              evp.EVP_CIPHER_CTX_ctrl(context_.get(), kEvpGetTag, kLength, out) == 1;
  return done ? Status() : failed();
}

}  // namespace ktls::tls

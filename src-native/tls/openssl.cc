#include "tls/openssl.h"

#include <optional>

#include "tls/find_function.h"

namespace ktls::tls {

namespace {

// False when any function is missing: half a library is of no use.
bool find_all(void* library, Openssl& table) {
#define KTLS_FIND(name) find_function(library, table.name, #name)
  return KTLS_FIND(EVP_CIPHER_CTX_new) && KTLS_FIND(EVP_CIPHER_CTX_free) && KTLS_FIND(EVP_CIPHER_CTX_ctrl) &&
         KTLS_FIND(EVP_EncryptInit_ex) && KTLS_FIND(EVP_EncryptUpdate) && KTLS_FIND(EVP_EncryptFinal_ex) &&
         KTLS_FIND(EVP_DecryptInit_ex) && KTLS_FIND(EVP_DecryptUpdate) && KTLS_FIND(EVP_DecryptFinal_ex) &&
         KTLS_FIND(HMAC_CTX_new) && KTLS_FIND(HMAC_CTX_free) && KTLS_FIND(HMAC_Init_ex) &&
         KTLS_FIND(HMAC_Update) && KTLS_FIND(HMAC_Final) && KTLS_FIND(OpenSSL_version);
#undef KTLS_FIND
}

// An algorithm by `fetch` (EVP_CIPHER_fetch, EVP_MD_fetch), and where there is none, OpenSSL 1.1.1 and
// BoringSSL, by the function that gives it out. Never freed, as little as the library.
template <typename Algorithm>
const Algorithm* find_algorithm(void* library, const char* fetch, const char* name, const char* getter) {
  using Fetch = Algorithm* (*)(void* context, const char* name, const char* properties);
  using Get = const Algorithm* (*)();
  if (void* address = dlsym(library, fetch); address != nullptr) {
    return reinterpret_cast<Fetch>(address)(nullptr, name, nullptr);
  }
  void* address = dlsym(library, getter);
  return address == nullptr ? nullptr : reinterpret_cast<Get>(address)();
}

bool find_algorithms(void* library, Openssl& table) {
  constexpr const char* cipher = "EVP_CIPHER_fetch";
  constexpr const char* digest = "EVP_MD_fetch";
  table.aes_128_gcm = find_algorithm<EvpCipher>(library, cipher, "AES-128-GCM", "EVP_aes_128_gcm");
  table.aes_256_gcm = find_algorithm<EvpCipher>(library, cipher, "AES-256-GCM", "EVP_aes_256_gcm");
  table.chacha20_poly1305 =
      find_algorithm<EvpCipher>(library, cipher, "ChaCha20-Poly1305", "EVP_chacha20_poly1305");
  table.sha256 = find_algorithm<EvpDigest>(library, digest, "SHA2-256", "EVP_sha256");
  table.sha384 = find_algorithm<EvpDigest>(library, digest, "SHA2-384", "EVP_sha384");
  return table.aes_128_gcm != nullptr && table.aes_256_gcm != nullptr && table.sha256 != nullptr &&
         table.sha384 != nullptr;
}

std::optional<Openssl> find_openssl() {
  Openssl table;
  if (find_all(RTLD_DEFAULT, table) && find_algorithms(RTLD_DEFAULT, table)) return table;
  // Never closed: the table points into it for the life of the process.
  void* library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr && find_all(library, table) && find_algorithms(library, table)) return table;
  return std::nullopt;
}

}  // namespace

const Openssl* openssl() {
  static const std::optional<Openssl> table = find_openssl();
  return table ? &*table : nullptr;
}

}  // namespace ktls::tls

#include "tls/openssl.h"

#include <dlfcn.h>

#include <optional>

namespace ktls::tls {

namespace {

// False when any function is missing: half a library is of no use.
bool find_all(void* library, Openssl& table) {
  auto find = [library](auto& function, const char* name) {
    void* address = dlsym(library, name);
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(address);
    return address != nullptr;
  };
#define KTLS_FIND(name) find(table.name, #name)
  return KTLS_FIND(EVP_CIPHER_CTX_new) && KTLS_FIND(EVP_CIPHER_CTX_free) && KTLS_FIND(EVP_CIPHER_CTX_ctrl) &&
         KTLS_FIND(EVP_EncryptInit_ex) && KTLS_FIND(EVP_EncryptUpdate) && KTLS_FIND(EVP_EncryptFinal_ex) &&
         KTLS_FIND(EVP_DecryptInit_ex) && KTLS_FIND(EVP_DecryptUpdate) && KTLS_FIND(EVP_DecryptFinal_ex) &&
         KTLS_FIND(EVP_aes_128_gcm) && KTLS_FIND(EVP_aes_256_gcm) && KTLS_FIND(EVP_chacha20_poly1305) &&
         KTLS_FIND(EVP_sha256) && KTLS_FIND(EVP_sha384) && KTLS_FIND(HMAC) && KTLS_FIND(OpenSSL_version);
#undef KTLS_FIND
}

std::optional<Openssl> find_openssl() {
  Openssl table;
  if (find_all(RTLD_DEFAULT, table)) return table;
  // Never closed: the table points into it for the life of the process.
  void* library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr && find_all(library, table)) return table;
  return std::nullopt;
}

}  // namespace

const Openssl* openssl() {
  static const std::optional<Openssl> table = find_openssl();
  return table ? &*table : nullptr;
}

}  // namespace ktls::tls

// Objects of OpenSSL that are counted, or one's own: given back when nobody holds them any more.
#pragma once

#include <memory>

#include "tls/libssl.h"

namespace ktls::tls {

struct FreeSslObject {
  void operator()(EvpPkey* key) const { libssl()->EVP_PKEY_free(key); }
  void operator()(SslCtx* context) const { libssl()->SSL_CTX_free(context); }
  void operator()(SslSession* session) const { libssl()->SSL_SESSION_free(session); }
  void operator()(X509* certificate) const { libssl()->X509_free(certificate); }
  void operator()(X509StoreCtx* lookup) const { libssl()->X509_STORE_CTX_free(lookup); }
};

template <typename Object>
using SslReference = std::unique_ptr<Object, FreeSslObject>;

}  // namespace ktls::tls

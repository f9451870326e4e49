#include "tls/ssl_context.h"

namespace ktls::tls {

namespace {

// From OpenSSL's headers.
constexpr int kExDataOfSsl = 0;      // CRYPTO_EX_INDEX_SSL
constexpr int kApplicationData = 0;  // SSL_set_app_data()

thread_local Ssl* created = nullptr;

void on_new(void* parent, void*, void*, int, long, void*) { created = static_cast<Ssl*>(parent); }

}  // namespace

// Once for the process: OpenSSL never forgets an index, nor may this library be unloaded after it.
int SslContext::ex_data_index() {
  static const int index = libssl() == nullptr ? -1
                                               : libssl()->CRYPTO_get_ex_new_index(kExDataOfSsl, 0, nullptr,
                                                                                   on_new, nullptr, nullptr);
  return index;
}

std::unique_ptr<SslContext> SslContext::take(const std::function<void()>& make) {
  const Libssl* lib = libssl();
  if (ex_data_index() < 0) return nullptr;
  created = nullptr;
  make();
  if (created == nullptr) return nullptr;
  return std::unique_ptr<SslContext>(new SslContext(*lib, created));
}

SslContext::SslContext(const Libssl& lib, const Ssl* lender)
    : lib_(lib),
      context_(lib.SSL_get_SSL_CTX(lender)),
      application_data_(lib.SSL_get_ex_data(lender, kApplicationData)) {
  lib.SSL_CTX_up_ref(context_.get());
}

Ssl* SslContext::create() const {
  Ssl* ssl = lib_.SSL_new(context_.get());
  if (ssl != nullptr) lib_.SSL_set_ex_data(ssl, kApplicationData, application_data_);
  return ssl;
}

bool SslContext::give_to(Ssl* ssl) const {
  return lib_.SSL_set_SSL_CTX(ssl, context_.get()) == context_.get();
}

}  // namespace ktls::tls

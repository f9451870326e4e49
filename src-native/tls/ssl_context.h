// The SSL_CTX of a SecureContext of node:tls, for SSL objects of our own.
//
// node:tls gives its SSL_CTX to nobody, but OpenSSL tells of each SSL object that is made of it. One that a
// TLSSocket has, and never uses, is what the context is found by, and what it lends to ours: node:tls sets
// callbacks for the whole context (ALPN, SNI, sessions, OCSP) that look for their TLSSocket in the SSL
// object's application data, and so find that one.
#pragma once

#include <functional>
#include <memory>

#include "tls/libssl.h"
#include "tls/ssl_reference.h"

namespace ktls::tls {

// Not thread-safe: of one event loop's thread, as the TLSSocket is.
class SslContext {
 public:
  // That of the SSL object which `make` creates in this thread. Null where it creates none, or where there is
  // no OpenSSL. Whatever holds the SSL object must outlive this and each SSL object of it.
  static std::unique_ptr<SslContext> take(const std::function<void()>& make);

  // The caller's; null without memory.
  Ssl* create() const;
  // Certificates, authorities and tickets of this context, in place of those that `ssl` was made with: for
  // SSL_set_cert_cb(3). False where OpenSSL does not take them.
  bool give_to(Ssl* ssl) const;

  // For the SSL objects' owner, by SSL_get_ex_data(3); null in one that has none. -1 without OpenSSL.
  static int ex_data_index();

 private:
  SslContext(const Libssl& lib, const Ssl* lender);

  const Libssl& lib_;
  SslReference<SslCtx> context_;
  void* application_data_;
};

}  // namespace ktls::tls

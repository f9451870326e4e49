// What an SSL object knows of its connection when the handshake is done: as the methods of tls.TLSSocket tell
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tls/libssl.h"

namespace ktls::tls {

class SslFacts {
 public:
  using Der = std::vector<uint8_t>;

  struct Cipher {
    const char* name;           // OpenSSL's
    const char* standard_name;  // IANA's
    const char* version;        // in which it came to be
  };

  // The key that the server made for this connection.
  struct EphemeralKey {
    const char* type;  // "DH", "ECDH"
    std::string name;  // of the curve; empty for DH
    int bits;
  };

  // `ssl` outlives this.
  explicit SslFacts(Ssl* ssl, bool server) : lib_(*libssl()), ssl_(ssl), server_(server) {}

  // "TLSv1.3".
  const char* protocol() const { return lib_.SSL_get_version(ssl_); }
  std::optional<Cipher> cipher() const;
  // RFC 6066, 3; null where there was none.
  const char* server_name() const;
  // RFC 7301; empty where none was agreed on.
  std::string alpn_protocol() const;
  bool session_reused() const { return lib_.SSL_session_reused(ssl_) == 1; }

  // X509_V_OK (0), or what is wrong with the peer's chain. A peer that proved a PSK needs no certificate.
  long verify_error() const;
  // What X509_verify_cert_error_string(3) says of it.
  std::string describe(long verify_error) const;

  // Of this end; empty where it has none.
  Der certificate() const;
  // The peer's certificate, and with `issuers` each certificate's issuer behind it, as far as the peer sent
  // it or this end trusts it. Empty where there is none.
  std::vector<Der> peer_certificates(bool issuers) const;

  // DER, for SslHandshake::Options; empty where there is none.
  Der session() const;
  // verify_data of the last Finished (RFC 8446, 4.4.4) that this end sent, or received.
  Der finished(bool received) const;
  // In the order of the peer that prefers them, as node:tls words them: "RSA-PSS+SHA256".
  std::vector<std::string> shared_signature_algorithms() const;
  // Nothing at a server, or where there was no exchange of keys.
  std::optional<EphemeralKey> ephemeral_key() const;
  // RFC 5705; RFC 8446, 7.5. Without `context`, none was given. Empty where OpenSSL refuses.
  Der export_keying_material(size_t length, const std::string& label, const std::optional<Bytes>& context);

 private:
  const Libssl& lib_;
  Ssl* ssl_;
  bool server_;
};

}  // namespace ktls::tls

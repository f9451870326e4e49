// What a handshake agreed on: as the methods of tls.TLSSocket tell it, for as long as the connection is open.
// The SSL object itself, of which there is more than twice as much, can be let go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "tls/key_log.h"
#include "tls/libssl.h"
#include "tls/ssl_reference.h"

namespace ktls::tls {

class SslFacts {
 public:
  using Der = std::vector<uint8_t>;
  static constexpr size_t kRandomLength = 32;

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

  // Of one whose handshake is done.
  SslFacts(Ssl* ssl, bool server, const KeyLog& key_log);
  ~SslFacts();
  SslFacts(const SslFacts&) = delete;
  SslFacts& operator=(const SslFacts&) = delete;

  // "TLSv1.3".
  const char* protocol() const { return protocol_; }
  const Cipher& cipher() const { return cipher_; }
  // RFC 6066, 3; nothing where there was none.
  const std::optional<std::string>& server_name() const { return server_name_; }
  // RFC 7301; empty where none was agreed on.
  const std::string& alpn_protocol() const { return alpn_protocol_; }
  bool session_reused() const { return session_reused_; }

  // X509_V_OK (0), or what is wrong with the peer's chain; also that there is none.
  long verify_error() const { return verify_error_; }

  // Of this end; empty where it has none.
  Der certificate() const;
  // The peer's certificate, and with `issuers` each certificate's issuer behind it, as far as the peer sent
  // it or this end trusts it. Empty where there is none.
  std::vector<Der> peer_certificates(bool issuers) const;

  // DER, for SslHandshake::Options; empty where there is none.
  Der session() const;
  // A client's may be another one when a ticket has come.
  void update_session(Ssl* ssl);
  // verify_data of the last Finished (RFC 8446, 4.4.4) that this end sent, or received.
  const Der& finished(bool received) const { return received ? peer_finished_ : finished_; }
  // In the order of the peer that prefers them, as node:tls words them: "RSA-PSS+SHA256".
  std::vector<std::string> shared_signature_algorithms() const;
  // Nothing at a server, or where there was no exchange of keys.
  std::optional<EphemeralKey> ephemeral_key() const;

  // What keying material is exported from: the exporter_master_secret (RFC 8446, 7.5); in TLS 1.2 the master
  // secret, with both randoms (RFC 5705, 4).
  Bytes exporter_secret() const { return exporter_secret_; }
  Bytes client_random() const { return client_random_; }
  Bytes server_random() const { return server_random_; }

 private:
  const char* protocol_;
  Cipher cipher_ = {};
  std::optional<std::string> server_name_;
  std::string alpn_protocol_;
  bool session_reused_;
  long verify_error_;
  // For the authorities that it trusts.
  SslReference<SslCtx> context_;
  SslReference<X509> own_;
  SslReference<X509> peer_;
  // As the peer sent it.
  std::vector<SslReference<X509>> sent_;
  SslReference<SslSession> session_;
  Der finished_;
  Der peer_finished_;
  // Signature and hash, by OpenSSL's numbers.
  std::vector<std::pair<int, int>> shared_algorithms_;
  SslReference<EvpPkey> ephemeral_key_;
  Der exporter_secret_;
  uint8_t client_random_[kRandomLength] = {};
  uint8_t server_random_[kRandomLength] = {};
};

}  // namespace ktls::tls

#include "tls/ssl_facts.h"

#include <string.h>

#include <algorithm>

namespace ktls::tls {

namespace {

// From OpenSSL's headers.
constexpr int kPeerTemporaryKey = 109;    // SSL_CTRL_GET_PEER_TMP_KEY
constexpr long kVerifyOk = 0;             // X509_V_OK
constexpr long kNoIssuerCertificate = 2;  // X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
constexpr int kRsa = 6;                   // EVP_PKEY_RSA
constexpr int kRsaPss = 912;              // EVP_PKEY_RSA_PSS
constexpr int kDsa = 116;                 // EVP_PKEY_DSA
constexpr int kDh = 28;                   // EVP_PKEY_DH
constexpr int kEc = 408;                  // EVP_PKEY_EC
constexpr int kX25519 = 1034;             // EVP_PKEY_X25519
constexpr int kX448 = 1035;               // EVP_PKEY_X448
constexpr int kEd25519 = 1087;            // EVP_PKEY_ED25519
constexpr int kEd448 = 1088;              // EVP_PKEY_ED448
// A chain that goes round has no end.
constexpr size_t kLongestChain = 100;

template <typename Get>
SslFacts::Der finished_message(Get* get, const Ssl* ssl) {
  // The longest is that of SHA-384.
  uint8_t data[64];
  size_t length = std::min(get(ssl, data, sizeof data), sizeof data);
  return {data, data + length};
}

SslReference<X509> share(const Libssl& lib, X509* certificate) {
  if (certificate != nullptr) lib.X509_up_ref(certificate);
  return SslReference<X509>(certificate);
}

// By one of OpenSSL's i2d functions; empty where there is no object.
template <typename Object>
SslFacts::Der to_der(int (*encode)(const Object*, uint8_t**), const Object* object) {
  int length = object == nullptr ? 0 : encode(object, nullptr);
  if (length <= 0) return {};
  SslFacts::Der der(length);
  uint8_t* out = der.data();
  encode(object, &out);
  return der;
}

bool is_issued(const Libssl& lib, X509* issuer, X509* subject) {
  return lib.X509_check_issued(issuer, subject) == kVerifyOk;
}

// Among the authorities that the context trusts; null where it is none of them.
SslReference<X509> trusted_issuer(const Libssl& lib, const SslCtx* context, X509* subject) {
  SslReference<X509StoreCtx> lookup(lib.X509_STORE_CTX_new());
  X509Store* trusted = lib.SSL_CTX_get_cert_store(context);
  if (lookup == nullptr || lib.X509_STORE_CTX_init(lookup.get(), trusted, nullptr, nullptr) != 1) return {};
  X509* issuer = nullptr;
  if (lib.X509_STORE_CTX_get1_issuer(&issuer, lookup.get(), subject) != 1) return {};
  return SslReference<X509>(issuer);
}

// As node:tls words them; OpenSSL has other names for some.
std::string signature_name(const Libssl& lib, int nid) {
  switch (nid) {
    case kRsa:
      return "RSA";
    case kRsaPss:
      return "RSA-PSS";
    case kDsa:
      return "DSA";
    case kEc:
      return "ECDSA";
    case kEd25519:
      return "Ed25519";
    case kEd448:
      return "Ed448";
    default: {
      const char* name = lib.OBJ_nid2sn(nid);
      return name == nullptr ? "UNDEF" : name;
    }
  }
}

}  // namespace

SslFacts::SslFacts(Ssl* ssl, bool server, const KeyLog& key_log) {
  const Libssl& lib = *libssl();
  protocol_ = lib.SSL_get_version(ssl);
  if (const SslCipher* cipher = lib.SSL_get_current_cipher(ssl); cipher != nullptr) {
    cipher_ = {lib.SSL_CIPHER_get_name(cipher), lib.SSL_CIPHER_standard_name(cipher),
               lib.SSL_CIPHER_get_version(cipher)};
  }
  if (const char* name = lib.SSL_get_servername(ssl, kHostName); name != nullptr) server_name_ = name;
  const uint8_t* alpn = nullptr;
  unsigned alpn_length = 0;
  lib.SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
  alpn_protocol_.assign(reinterpret_cast<const char*>(alpn), alpn_length);
  session_reused_ = lib.SSL_session_reused(ssl) == 1;

  context_.reset(lib.SSL_get_SSL_CTX(ssl));
  lib.SSL_CTX_up_ref(context_.get());
  own_ = share(lib, lib.SSL_get_certificate(ssl));
  peer_.reset(lib.SSL_get1_peer_certificate(ssl));
  verify_error_ = peer_ == nullptr ? kNoIssuerCertificate : lib.SSL_get_verify_result(ssl);
  OpenSslStack* sent = lib.SSL_get_peer_cert_chain(ssl);
  int sent_count = sent == nullptr ? 0 : lib.OPENSSL_sk_num(sent);
  for (int i = 0; i < sent_count; i++) {
    sent_.push_back(share(lib, static_cast<X509*>(lib.OPENSSL_sk_value(sent, i))));
  }
  // A client that resumes has its server's certificate, but node:tls tells only of a chain.
  if (!server && sent_.empty()) peer_.reset();
  update_session(ssl);

  finished_ = finished_message(lib.SSL_get_finished, ssl);
  peer_finished_ = finished_message(lib.SSL_get_peer_finished, ssl);
  int algorithms = lib.SSL_get_shared_sigalgs(ssl, 0, nullptr, nullptr, nullptr, nullptr, nullptr);
  shared_algorithms_.reserve(std::max(algorithms, 0));
  for (int i = 0; i < algorithms; i++) {
    auto& [signature, hash] = shared_algorithms_.emplace_back();
    lib.SSL_get_shared_sigalgs(ssl, i, &signature, &hash, nullptr, nullptr, nullptr);
  }
  EvpPkey* key = nullptr;
  if (!server && lib.SSL_ctrl(ssl, kPeerTemporaryKey, 0, static_cast<void*>(&key)) == 1) {
    ephemeral_key_.reset(key);
  }

  Bytes secret = key_log.secret(lib.SSL_version(ssl) == kTls13 ? "EXPORTER_SECRET" : "CLIENT_RANDOM");
  exporter_secret_.assign(secret.begin(), secret.end());
  lib.SSL_get_client_random(ssl, client_random_, sizeof client_random_);
  lib.SSL_get_server_random(ssl, server_random_, sizeof server_random_);
}

SslFacts::~SslFacts() { explicit_bzero(exporter_secret_.data(), exporter_secret_.size()); }

void SslFacts::update_session(Ssl* ssl) { session_.reset(libssl()->SSL_get1_session(ssl)); }

SslFacts::Der SslFacts::certificate() const { return to_der(libssl()->i2d_X509, own_.get()); }

std::vector<SslFacts::Der> SslFacts::peer_certificates(bool issuers) const {
  const Libssl& lib = *libssl();
  std::vector<Der> chain;
  SslReference<X509> last = share(lib, peer_.get());
  if (last == nullptr) return chain;
  chain.push_back(to_der(lib.i2d_X509, last.get()));
  while (issuers && chain.size() < kLongestChain && !is_issued(lib, last.get(), last.get())) {
    auto found = std::ranges::find_if(sent_, [&](const SslReference<X509>& candidate) {
      return is_issued(lib, candidate.get(), last.get());
    });
    SslReference<X509> issuer =
        found == sent_.end() ? trusted_issuer(lib, context_.get(), last.get()) : share(lib, found->get());
    if (issuer == nullptr) break;
    chain.push_back(to_der(lib.i2d_X509, issuer.get()));
    last = std::move(issuer);
  }
  return chain;
}

SslFacts::Der SslFacts::session() const { return to_der(libssl()->i2d_SSL_SESSION, session_.get()); }

std::vector<std::string> SslFacts::shared_signature_algorithms() const {
  const Libssl& lib = *libssl();
  std::vector<std::string> names;
  for (auto [signature, hash] : shared_algorithms_) {
    const char* hash_name = lib.OBJ_nid2sn(hash);
    names.push_back(signature_name(lib, signature) + "+" + (hash_name == nullptr ? "UNDEF" : hash_name));
  }
  return names;
}

std::optional<SslFacts::EphemeralKey> SslFacts::ephemeral_key() const {
  if (ephemeral_key_ == nullptr) return std::nullopt;
  const Libssl& lib = *libssl();
  int kind = lib.EVP_PKEY_get_id(ephemeral_key_.get());
  int bits = lib.EVP_PKEY_get_bits(ephemeral_key_.get());
  if (kind == kDh) return EphemeralKey{"DH", "", bits};
  if (kind == kX25519 || kind == kX448) return EphemeralKey{"ECDH", lib.OBJ_nid2sn(kind), bits};
  if (kind != kEc) return std::nullopt;
  char name[80];
  size_t length = 0;
  if (lib.EVP_PKEY_get_group_name(ephemeral_key_.get(), name, sizeof name, &length) != 1) length = 0;
  return EphemeralKey{"ECDH", std::string(name, length), bits};
}

}  // namespace ktls::tls

#include "tls/ssl_facts.h"

#include <algorithm>
#include <memory>

namespace ktls::tls {

namespace {

// From OpenSSL's headers.
constexpr int kHostName = 0;              // TLSEXT_NAMETYPE_host_name
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

struct FreeX509 {
  void operator()(X509* certificate) const { libssl()->X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeX509>;

struct FreeStoreContext {
  void operator()(X509StoreCtx* context) const { libssl()->X509_STORE_CTX_free(context); }
};

struct FreeKey {
  void operator()(EvpPkey* key) const { libssl()->EVP_PKEY_free(key); }
};

SslFacts::Der to_der(const Libssl& lib, const X509* certificate) {
  int length = lib.i2d_X509(certificate, nullptr);
  if (length <= 0) return {};
  SslFacts::Der der(length);
  uint8_t* out = der.data();
  lib.i2d_X509(certificate, &out);
  return der;
}

bool is_issued(const Libssl& lib, X509* issuer, X509* subject) {
  return lib.X509_check_issued(issuer, subject) == kVerifyOk;
}

// Among the authorities that the context trusts; null where it is none of them.
Certificate trusted_issuer(const Libssl& lib, const Ssl* ssl, X509* subject) {
  std::unique_ptr<X509StoreCtx, FreeStoreContext> lookup(lib.X509_STORE_CTX_new());
  X509Store* trusted = lib.SSL_CTX_get_cert_store(lib.SSL_get_SSL_CTX(ssl));
  if (lookup == nullptr || lib.X509_STORE_CTX_init(lookup.get(), trusted, nullptr, nullptr) != 1) return {};
  X509* issuer = nullptr;
  if (lib.X509_STORE_CTX_get1_issuer(&issuer, lookup.get(), subject) != 1) return {};
  return Certificate(issuer);
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

std::optional<SslFacts::Cipher> SslFacts::cipher() const {
  const SslCipher* cipher = lib_.SSL_get_current_cipher(ssl_);
  if (cipher == nullptr) return std::nullopt;
  return Cipher{lib_.SSL_CIPHER_get_name(cipher), lib_.SSL_CIPHER_standard_name(cipher),
                lib_.SSL_CIPHER_get_version(cipher)};
}

const char* SslFacts::server_name() const { return lib_.SSL_get_servername(ssl_, kHostName); }

std::string SslFacts::alpn_protocol() const {
  const uint8_t* name = nullptr;
  unsigned length = 0;
  lib_.SSL_get0_alpn_selected(ssl_, &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

long SslFacts::verify_error() const {
  if (Certificate peer(lib_.SSL_get1_peer_certificate(ssl_)); peer != nullptr) {
    return lib_.SSL_get_verify_result(ssl_);
  }
  return session_reused() ? kVerifyOk : kNoIssuerCertificate;
}

std::string SslFacts::describe(long verify_error) const {
  return lib_.X509_verify_cert_error_string(verify_error);
}

SslFacts::Der SslFacts::certificate() const {
  X509* certificate = lib_.SSL_get_certificate(ssl_);
  return certificate == nullptr ? Der() : to_der(lib_, certificate);
}

std::vector<SslFacts::Der> SslFacts::peer_certificates(bool issuers) const {
  OpenSslStack* sent = lib_.SSL_get_peer_cert_chain(ssl_);
  int sent_count = sent == nullptr ? 0 : lib_.OPENSSL_sk_num(sent);
  Certificate last;
  if (server_) {
    // Its chain lacks the peer's own.
    last.reset(lib_.SSL_get1_peer_certificate(ssl_));
  } else if (sent_count > 0) {
    last.reset(static_cast<X509*>(lib_.OPENSSL_sk_value(sent, 0)));
    lib_.X509_up_ref(last.get());
  }
  std::vector<Der> chain;
  if (last == nullptr) return chain;
  chain.push_back(to_der(lib_, last.get()));
  while (issuers && chain.size() < kLongestChain && !is_issued(lib_, last.get(), last.get())) {
    Certificate issuer;
    for (int i = 0; i < sent_count && issuer == nullptr; i++) {
      auto* candidate = static_cast<X509*>(lib_.OPENSSL_sk_value(sent, i));
      if (!is_issued(lib_, candidate, last.get())) continue;
      lib_.X509_up_ref(candidate);
      issuer.reset(candidate);
    }
    if (issuer == nullptr) issuer = trusted_issuer(lib_, ssl_, last.get());
    if (issuer == nullptr) break;
    chain.push_back(to_der(lib_, issuer.get()));
    last = std::move(issuer);
  }
  return chain;
}

SslFacts::Der SslFacts::session() const {
  const SslSession* session = lib_.SSL_get_session(ssl_);
  int length = session == nullptr ? 0 : lib_.i2d_SSL_SESSION(session, nullptr);
  if (length <= 0) return {};
  Der der(length);
  uint8_t* out = der.data();
  lib_.i2d_SSL_SESSION(session, &out);
  return der;
}

SslFacts::Der SslFacts::finished(bool received) const {
  auto* get = received ? lib_.SSL_get_peer_finished : lib_.SSL_get_finished;
  // The longest is that of SHA-384.
  Der data(64);
  size_t length = get(ssl_, data.data(), data.size());
  data.resize(std::min(length, data.size()));
  return data;
}

std::vector<std::string> SslFacts::shared_signature_algorithms() const {
  int count = lib_.SSL_get_shared_sigalgs(ssl_, 0, nullptr, nullptr, nullptr, nullptr, nullptr);
  std::vector<std::string> names;
  for (int i = 0; i < count; i++) {
    int signature = 0;
    int hash = 0;
    lib_.SSL_get_shared_sigalgs(ssl_, i, &signature, &hash, nullptr, nullptr, nullptr);
    const char* hash_name = lib_.OBJ_nid2sn(hash);
    names.push_back(signature_name(lib_, signature) + "+" + (hash_name == nullptr ? "UNDEF" : hash_name));
  }
  return names;
}

std::optional<SslFacts::EphemeralKey> SslFacts::ephemeral_key() const {
  EvpPkey* found = nullptr;
  if (server_ || lib_.SSL_ctrl(ssl_, kPeerTemporaryKey, 0, static_cast<void*>(&found)) != 1)
    return std::nullopt;
  std::unique_ptr<EvpPkey, FreeKey> key(found);
  int kind = lib_.EVP_PKEY_get_id(key.get());
  int bits = lib_.EVP_PKEY_get_bits(key.get());
  if (kind == kDh) return EphemeralKey{"DH", "", bits};
  if (kind == kX25519 || kind == kX448) return EphemeralKey{"ECDH", lib_.OBJ_nid2sn(kind), bits};
  if (kind != kEc) return std::nullopt;
  char name[80];
  size_t length = 0;
  if (lib_.EVP_PKEY_get_group_name(key.get(), name, sizeof name, &length) != 1) length = 0;
  return EphemeralKey{"ECDH", std::string(name, length), bits};
}

SslFacts::Der SslFacts::export_keying_material(size_t length, const std::string& label,
                                               const std::optional<Bytes>& context) {
  Der out(length);
  const Bytes given = context.value_or(Bytes());
  int done = lib_.SSL_export_keying_material(ssl_, out.data(), out.size(), label.data(), label.size(),
                                             given.data(), given.size(), context ? 1 : 0);
  if (done != 1) out.clear();
  return out;
}

}  // namespace ktls::tls

// The functions of OpenSSL by which handshakes are made. Only those of the runtime itself will do, for its
// contexts are what they work on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ktls::tls {

// Opaque, as in OpenSSL's headers, which a build of this does not need.
struct Bio;
struct BioMethod;
struct EvpPkey;
struct OpenSslStack;
struct Ssl;
struct SslCipher;
struct SslCtx;
struct SslSession;
struct X509;
struct X509Store;
struct X509StoreCtx;

using SslMessageCallback = void (*)(int written, int version, int content_type, const void* message,
                                    size_t length, Ssl*, void* argument);
using SslKeylogCallback = void (*)(const Ssl*, const char* line);
using SslCertificateCallback = int (*)(Ssl*, void* argument);
using SslVerifyCallback = int (*)(int ok, X509StoreCtx*);
using SslPskServerCallback = unsigned (*)(Ssl*, const char* identity, unsigned char* psk, unsigned capacity);
using SslPskClientCallback = unsigned (*)(Ssl*, const char* hint, char* identity, unsigned identity_capacity,
                                          unsigned char* psk, unsigned psk_capacity);
using ExDataNew = void (*)(void* parent, void* value, void* data, int index, long argl, void* argp);
using BioRead = int (*)(Bio*, char* memory, int length);
using BioWrite = int (*)(Bio*, const char* data, int length);
using BioControl = long (*)(Bio*, int command, long number, void* pointer);

// What a function gives, its name, what it takes: as in OpenSSL 3.
#define KTLS_LIBSSL(F)                                                                                  \
  F(Bio*, BIO_new, (const BioMethod*))                                                                  \
  F(void, BIO_set_data, (Bio*, void* data))                                                             \
  F(void*, BIO_get_data, (Bio*))                                                                        \
  F(void, BIO_set_flags, (Bio*, int flags))                                                             \
  F(void, BIO_clear_flags, (Bio*, int flags))                                                           \
  F(int, BIO_get_new_index, ())                                                                         \
  F(BioMethod*, BIO_meth_new, (int type, const char* name))                                             \
  F(int, BIO_meth_set_read, (BioMethod*, BioRead))                                                      \
  F(int, BIO_meth_set_write, (BioMethod*, BioWrite))                                                    \
  F(int, BIO_meth_set_ctrl, (BioMethod*, BioControl))                                                   \
  F(int, CRYPTO_get_ex_new_index,                                                                       \
    (int class_index, long argl, void* argp, ExDataNew on_new, void* on_dup, void* on_free))            \
  F(void*, CRYPTO_malloc, (size_t size, const char* file, int line))                                    \
  F(void, ERR_clear_error, ())                                                                          \
  F(unsigned long, ERR_peek_error, ())                                                                  \
  F(const char*, ERR_reason_error_string, (unsigned long error))                                        \
  F(void, EVP_PKEY_free, (EvpPkey*))                                                                    \
  F(int, EVP_PKEY_get_bits, (const EvpPkey*))                                                           \
  F(int, EVP_PKEY_get_group_name, (const EvpPkey*, char* name, size_t capacity, size_t* length))        \
  F(int, EVP_PKEY_get_id, (const EvpPkey*))                                                             \
  F(const char*, OBJ_nid2sn, (int nid))                                                                 \
  F(int, OPENSSL_sk_num, (const OpenSslStack*))                                                         \
  F(void*, OPENSSL_sk_value, (const OpenSslStack*, int index))                                          \
  F(const char*, SSL_CIPHER_get_name, (const SslCipher*))                                               \
  F(const char*, SSL_CIPHER_get_version, (const SslCipher*))                                            \
  F(const char*, SSL_CIPHER_standard_name, (const SslCipher*))                                          \
  F(long, SSL_CTX_callback_ctrl, (SslCtx*, int command, void (*callback)()))                            \
  F(long, SSL_CTX_ctrl, (SslCtx*, int command, long number, void* pointer))                             \
  F(void, SSL_CTX_free, (SslCtx*))                                                                      \
  F(X509Store*, SSL_CTX_get_cert_store, (const SslCtx*))                                                \
  F(SslKeylogCallback, SSL_CTX_get_keylog_callback, (const SslCtx*))                                    \
  F(void, SSL_CTX_set_keylog_callback, (SslCtx*, SslKeylogCallback))                                    \
  F(int, SSL_CTX_up_ref, (SslCtx*))                                                                     \
  F(void, SSL_SESSION_free, (SslSession*))                                                              \
  F(long, SSL_ctrl, (Ssl*, int command, long number, void* pointer))                                    \
  F(int, SSL_do_handshake, (Ssl*))                                                                      \
  F(void, SSL_free, (Ssl*))                                                                             \
  F(int, SSL_free_buffers, (Ssl*))                                                                      \
  F(void, SSL_get0_alpn_selected, (const Ssl*, const uint8_t** name, unsigned* length))                 \
  F(X509*, SSL_get1_peer_certificate, (const Ssl*))                                                     \
  F(SslSession*, SSL_get1_session, (Ssl*))                                                              \
  F(SslCtx*, SSL_get_SSL_CTX, (const Ssl*))                                                             \
  F(X509*, SSL_get_certificate, (const Ssl*))                                                           \
  F(size_t, SSL_get_client_random, (const Ssl*, uint8_t* out, size_t length))                           \
  F(const SslCipher*, SSL_get_current_cipher, (const Ssl*))                                             \
  F(int, SSL_get_error, (const Ssl*, int result))                                                       \
  F(void*, SSL_get_ex_data, (const Ssl*, int index))                                                    \
  F(size_t, SSL_get_finished, (const Ssl*, void* out, size_t length))                                   \
  F(OpenSslStack*, SSL_get_peer_cert_chain, (const Ssl*))                                               \
  F(size_t, SSL_get_peer_finished, (const Ssl*, void* out, size_t length))                              \
  F(size_t, SSL_get_server_random, (const Ssl*, uint8_t* out, size_t length))                           \
  F(const char*, SSL_get_servername, (const Ssl*, int type))                                            \
  F(int, SSL_get_shared_sigalgs,                                                                        \
    (Ssl*, int index, int* signature, int* hash, int* both, uint8_t* raw_signature, uint8_t* raw_hash)) \
  F(long, SSL_get_verify_result, (const Ssl*))                                                          \
  F(const char*, SSL_get_version, (const Ssl*))                                                         \
  F(Ssl*, SSL_new, (SslCtx*))                                                                           \
  F(int, SSL_read, (Ssl*, void* memory, int length))                                                    \
  F(int, SSL_session_reused, (const Ssl*))                                                              \
  F(SslCtx*, SSL_set_SSL_CTX, (Ssl*, SslCtx*))                                                          \
  F(void, SSL_set_accept_state, (Ssl*))                                                                 \
  F(int, SSL_set_alpn_protos, (Ssl*, const uint8_t* protocols, unsigned length))                        \
  F(void, SSL_set_bio, (Ssl*, Bio * read, Bio * write))                                                 \
  F(void, SSL_set_cert_cb, (Ssl*, SslCertificateCallback, void* argument))                              \
  F(void, SSL_set_connect_state, (Ssl*))                                                                \
  F(int, SSL_set_ex_data, (Ssl*, int index, void* value))                                               \
  F(void, SSL_set_msg_callback, (Ssl*, SslMessageCallback))                                             \
  F(void, SSL_set_psk_client_callback, (Ssl*, SslPskClientCallback))                                    \
  F(void, SSL_set_psk_server_callback, (Ssl*, SslPskServerCallback))                                    \
  F(int, SSL_set_session, (Ssl*, SslSession*))                                                          \
  F(void, SSL_set_verify, (Ssl*, int mode, SslVerifyCallback))                                          \
  F(int, SSL_version, (const Ssl*))                                                                     \
  F(void, X509_STORE_CTX_free, (X509StoreCtx*))                                                         \
  F(int, X509_STORE_CTX_get1_issuer, (X509**, X509StoreCtx*, X509*))                                    \
  F(int, X509_STORE_CTX_init, (X509StoreCtx*, X509Store*, X509*, OpenSslStack*))                        \
  F(X509StoreCtx*, X509_STORE_CTX_new, ())                                                              \
  F(int, X509_check_issued, (X509*, X509*))                                                             \
  F(void, X509_free, (X509*))                                                                           \
  F(int, X509_up_ref, (X509*))                                                                          \
  F(SslSession*, d2i_SSL_SESSION, (SslSession**, const uint8_t** data, long length))                    \
  F(int, i2d_SSL_SESSION, (const SslSession*, uint8_t** out))                                           \
  F(int, i2d_X509, (const X509*, uint8_t** out))

// Function pointers by OpenSSL's own names.
struct Libssl {
#define KTLS_DECLARE(result, name, parameters) result(*name) parameters;
  KTLS_LIBSSL(KTLS_DECLARE)
#undef KTLS_DECLARE
};

// From OpenSSL's headers, for whoever asks an SSL object.
inline constexpr int kHostName = 0;    // TLSEXT_NAMETYPE_host_name
inline constexpr int kTls13 = 0x0304;  // TLS1_3_VERSION

// Null where the runtime has none, or one that is not OpenSSL 3. Looked up at the first call, once;
// thread-safe.
const Libssl* libssl();

}  // namespace ktls::tls

// The functions of OpenSSL by which a handshake of node:tls is driven over a socket of ours. Only those of
// the runtime itself will do, for its SSL objects are what they work on.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ktls::tls {

// Opaque, as in OpenSSL's headers, which a build of this does not need.
struct Ssl;
struct SslCtx;
struct Bio;
struct BioMethod;

// Function pointers by OpenSSL's own names; signatures as in OpenSSL 1.1.1 and 3.
struct Libssl {
  using MessageCallback = void (*)(int written, int version, int content_type, const void* message,
                                   size_t length, Ssl*, void* argument);
  using KeylogCallback = void (*)(const Ssl*, const char* line);
  using ExDataNew = void (*)(void* parent, void* value, void* data, int index, long argl, void* argp);

  int (*SSL_do_handshake)(Ssl*);
  int (*SSL_read)(Ssl*, void* memory, int length);
  int (*SSL_free_buffers)(Ssl*);
  int (*SSL_get_error)(const Ssl*, int result);
  void (*SSL_set_bio)(Ssl*, Bio* read, Bio* write);
  Bio* (*SSL_get_rbio)(const Ssl*);
  Bio* (*SSL_get_wbio)(const Ssl*);
  void (*SSL_set_msg_callback)(Ssl*, MessageCallback);
  SslCtx* (*SSL_get_SSL_CTX)(const Ssl*);
  void (*SSL_CTX_set_keylog_callback)(SslCtx*, KeylogCallback);
  KeylogCallback (*SSL_CTX_get_keylog_callback)(const SslCtx*);
  int (*SSL_set_ex_data)(Ssl*, int index, void* value);
  void* (*SSL_get_ex_data)(const Ssl*, int index);
  size_t (*SSL_get_client_random)(const Ssl*, uint8_t* out, size_t length);
  size_t (*SSL_get_server_random)(const Ssl*, uint8_t* out, size_t length);
  int (*CRYPTO_get_ex_new_index)(int class_index, long argl, void* argp, ExDataNew on_new, void* on_dup,
                                 ExDataNew on_free);
  Bio* (*BIO_new)(const BioMethod*);
  int (*BIO_free)(Bio*);
  int (*BIO_up_ref)(Bio*);
  void (*BIO_set_data)(Bio*, void* data);
  void* (*BIO_get_data)(Bio*);
  void (*BIO_set_flags)(Bio*, int flags);
  void (*BIO_clear_flags)(Bio*, int flags);
  int (*BIO_get_new_index)();
  BioMethod* (*BIO_meth_new)(int type, const char* name);
  int (*BIO_meth_set_read)(BioMethod*, int (*)(Bio*, char* memory, int length));
  int (*BIO_meth_set_write)(BioMethod*, int (*)(Bio*, const char* data, int length));
  int (*BIO_meth_set_ctrl)(BioMethod*, long (*)(Bio*, int command, long number, void* pointer));
  unsigned long (*ERR_peek_error)();
  void (*ERR_clear_error)();
  const char* (*ERR_reason_error_string)(unsigned long error);
};

// Null where the runtime has none, or one that is not OpenSSL. Looked up at the first call, once;
// thread-safe.
const Libssl* libssl();

}  // namespace ktls::tls

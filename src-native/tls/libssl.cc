#include "tls/libssl.h"

#include <optional>

#include "tls/find_function.h"

namespace ktls::tls {

namespace {

std::optional<Libssl> find_libssl() {
  Libssl table;
#define KTLS_FIND(name) find_function(RTLD_DEFAULT, table.name, #name)
  bool whole = KTLS_FIND(SSL_do_handshake) && KTLS_FIND(SSL_read) && KTLS_FIND(SSL_free_buffers) &&
               KTLS_FIND(SSL_get_error) && KTLS_FIND(SSL_set_bio) && KTLS_FIND(SSL_get_rbio) &&
               KTLS_FIND(SSL_get_wbio) && KTLS_FIND(SSL_set_msg_callback) && KTLS_FIND(SSL_get_SSL_CTX) &&
               KTLS_FIND(SSL_CTX_set_keylog_callback) && KTLS_FIND(SSL_CTX_get_keylog_callback) &&
               KTLS_FIND(SSL_set_ex_data) && KTLS_FIND(SSL_get_ex_data) && KTLS_FIND(SSL_get_client_random) &&
               KTLS_FIND(SSL_get_server_random) && KTLS_FIND(CRYPTO_get_ex_new_index) && KTLS_FIND(BIO_new) &&
               KTLS_FIND(BIO_free) && KTLS_FIND(BIO_up_ref) && KTLS_FIND(BIO_set_data) &&
               KTLS_FIND(BIO_get_data) && KTLS_FIND(BIO_set_flags) && KTLS_FIND(BIO_clear_flags) &&
               KTLS_FIND(BIO_get_new_index) && KTLS_FIND(BIO_meth_new) && KTLS_FIND(BIO_meth_set_read) &&
               KTLS_FIND(BIO_meth_set_write) && KTLS_FIND(BIO_meth_set_ctrl) && KTLS_FIND(ERR_peek_error) &&
               KTLS_FIND(ERR_clear_error) && KTLS_FIND(ERR_reason_error_string);
#undef KTLS_FIND
  if (!whole) return std::nullopt;
  return table;
}

}  // namespace

const Libssl* libssl() {
  static const std::optional<Libssl> table = find_libssl();
  return table ? &*table : nullptr;
}

}  // namespace ktls::tls

#include "tls/ssl_handshake.h"

#include <string.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "tls/record_layer.h"
#include "tls/ssl_reference.h"

namespace ktls::tls {

namespace {

// From OpenSSL's headers; they have been the same since 1.1.0.
constexpr int kSourceSink = 0x0400;      // BIO_TYPE_SOURCE_SINK
constexpr int kRetryRead = 0x01 | 0x08;  // BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY
constexpr int kRetryFlags = 0x0f;        // and WRITE, IO_SPECIAL
constexpr int kCtrlEof = 2;              // BIO_CTRL_EOF
constexpr int kCtrlFlush = 11;           // BIO_CTRL_FLUSH
constexpr int kWantRead = 2;             // SSL_ERROR_WANT_READ
constexpr int kWantWrite = 3;            // SSL_ERROR_WANT_WRITE
constexpr int kWantX509Lookup = 4;       // SSL_ERROR_WANT_X509_LOOKUP
constexpr int kRecordHeader = 0x100;     // SSL3_RT_HEADER: each record, as it is read or written
constexpr int kVerifyNone = 0;           // SSL_VERIFY_NONE
constexpr int kVerifyPeer = 1;           // SSL_VERIFY_PEER
constexpr int kSetMode = 33;             // SSL_CTRL_MODE
constexpr long kReleaseBuffers = 0x10;   // SSL_MODE_RELEASE_BUFFERS
constexpr int kSetHostName = 55;         // SSL_CTRL_SET_TLSEXT_HOSTNAME
constexpr int kSetStatusCallback = 63;   // SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB
constexpr int kGetStatusCallback = 128;  // SSL_CTRL_GET_TLSEXT_STATUS_REQ_CB
constexpr int kGetStatusType = 127;      // SSL_CTRL_GET_TLSEXT_STATUS_REQ_TYPE
constexpr int kSetStaple = 71;           // SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP
constexpr long kOcsp = 1;                // TLSEXT_STATUSTYPE_ocsp
constexpr int kStatusOk = 0;             // SSL_TLSEXT_ERR_OK
constexpr int kStatusNone = 3;           // SSL_TLSEXT_ERR_NOACK
// RFC 8446, 4.
constexpr uint8_t kServerHello = 2;
constexpr uint8_t kFinished = 20;
constexpr size_t kLastSent = 64;

using StatusCallback = int (*)(Ssl*, void* argument);

}  // namespace

// What OpenSSL calls.
struct SslHandshake::Hooks {
  // What others had set for a context that is theirs, too: node:tls, for its events 'keylog' and
  // 'OCSPRequest'.
  static inline std::atomic<SslKeylogCallback> others_keylog = nullptr;
  static inline std::atomic<StatusCallback> others_status = nullptr;

  // Once for the process, as the index of SslContext.
  static BioMethod* bio_method() {
    static BioMethod* const method = [] {
      const Libssl& lib = *libssl();
      BioMethod* made = lib.BIO_meth_new(lib.BIO_get_new_index() | kSourceSink, "ktls-transfer handshake");
      if (made == nullptr) return made;
      lib.BIO_meth_set_read(made, read);
      lib.BIO_meth_set_write(made, write);
      lib.BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return method;
  }

  static SslHandshake* of(const Ssl* ssl) {
    return static_cast<SslHandshake*>(libssl()->SSL_get_ex_data(ssl, SslContext::ex_data_index()));
  }

  static SslHandshake* of(Bio* bio) { return static_cast<SslHandshake*>(libssl()->BIO_get_data(bio)); }

  static int read(Bio* bio, char* memory, int length) {
    const Libssl& lib = *libssl();
    lib.BIO_clear_flags(bio, kRetryFlags);
    SslHandshake& handshake = *of(bio);
    MutableBytes out(reinterpret_cast<uint8_t*>(memory), length);
    if (!handshake.fed_.empty()) {
      size_t count = std::min(out.size(), handshake.fed_.size());
      memcpy(out.data(), handshake.fed_.data(), count);
      handshake.fed_ = handshake.fed_.subspan(count);
      return static_cast<int>(count);
    }
    // Behind the handshake nothing is OpenSSL's.
    Result<size_t> received = Status::of(Code::would_block);
    if (handshake.driving_) received = handshake.wire_.receive(out);
    if (received.ok()) return static_cast<int>(*received);
    if (received.is(Code::would_block)) {
      handshake.starved_ = true;
      lib.BIO_set_flags(bio, kRetryRead);
      return -1;
    }
    handshake.end_of_stream_ = received.is(Code::end_of_stream);
    handshake.wire_failure_ = std::move(received).status();
    return handshake.end_of_stream_ ? 0 : -1;
  }

  static int write(Bio* bio, const char* data, int length) {
    libssl()->BIO_clear_flags(bio, kRetryFlags);
    SslHandshake& handshake = *of(bio);
    if (!handshake.ended_) {
      handshake.sent({reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(length)});
    }
    return length;
  }

  static long control(Bio* bio, int command, long, void*) {
    SslHandshake* handshake = of(bio);
    if (command == kCtrlEof) return handshake != nullptr && handshake->end_of_stream_;
    return command == kCtrlFlush;
  }

  // By the SSL object, never by the client's random in the line: an attacker may repeat that of another
  // connection.
  static void on_secret(const Ssl* ssl, const char* line) {
    if (SslHandshake* handshake = of(ssl); handshake != nullptr) {
      handshake->key_log_.add(line);
    } else if (SslKeylogCallback other = others_keylog) {
      other(ssl, line);
    }
  }

  // Without the callback OpenSSL does not put the secrets into words, which takes it longer than to derive
  // them.
  static void log_keys(const Libssl& lib, const Ssl* ssl, bool wanted) {
    SslCtx* context = lib.SSL_get_SSL_CTX(ssl);
    SslKeylogCallback current = lib.SSL_CTX_get_keylog_callback(context);
    if (current != on_secret && current != nullptr) others_keylog = current;
    SslKeylogCallback next = wanted || others_keylog != nullptr ? on_secret : nullptr;
    if (current != next) lib.SSL_CTX_set_keylog_callback(context, next);
  }

  static void on_message(int written, int, int type, const void* message, size_t length, Ssl* ssl, void*) {
    of(ssl)->on_message(written != 0, type, {static_cast<const uint8_t*>(message), length});
  }

  // SSL_set_cert_cb(3): 1 goes on, -1 waits.
  static int on_certificate(Ssl* ssl, void* argument) {
    const Libssl& lib = *libssl();
    auto& handshake = *static_cast<SslHandshake*>(argument);
    if (!std::exchange(handshake.asked_, true)) {
      bool wants_staple = lib.SSL_ctrl(ssl, kGetStatusType, 0, nullptr) == kOcsp;
      handshake.wire_.on_certificate(lib.SSL_get_servername(ssl, kHostName), wants_staple);
    }
    return handshake.answered_ ? 1 : -1;
  }

  static int on_status(Ssl* ssl, void* argument) {
    if (SslHandshake* handshake = of(ssl); handshake != nullptr) {
      return handshake->stapled_ ? kStatusOk : kStatusNone;
    }
    StatusCallback other = others_status;
    return other == nullptr ? kStatusNone : other(ssl, argument);
  }

  static void answer_status(const Libssl& lib, const Ssl* ssl) {
    SslCtx* context = lib.SSL_get_SSL_CTX(ssl);
    StatusCallback current = nullptr;
    lib.SSL_CTX_ctrl(context, kGetStatusCallback, 0, static_cast<void*>(&current));
    if (current == on_status) return;
    if (current != nullptr) others_status = current;
    lib.SSL_CTX_callback_ctrl(context, kSetStatusCallback, reinterpret_cast<void (*)()>(on_status));
  }

  // Goes on after an error, so that the last one counts, as with node:tls.
  static int take_any(int, X509StoreCtx*) { return 1; }

  static unsigned on_psk_identity(Ssl* ssl, const char* identity, unsigned char* psk, unsigned capacity) {
    SslHandshake& handshake = *of(ssl);
    const PreSharedKey& known = *handshake.options_.psk;
    if (identity == nullptr || known.identity != identity || known.key.size() > capacity) return 0;
    memcpy(psk, known.key.data(), known.key.size());
    handshake.used_psk_ = true;
    return static_cast<unsigned>(known.key.size());
  }

  static unsigned on_psk(Ssl* ssl, const char*, char* identity, unsigned identity_capacity,
                         unsigned char* psk, unsigned capacity) {
    const PreSharedKey& ours = *of(ssl)->options_.psk;
    if (ours.identity.size() >= identity_capacity || ours.key.size() > capacity) return 0;
    memcpy(identity, ours.identity.c_str(), ours.identity.size() + 1);
    memcpy(psk, ours.key.data(), ours.key.size());
    return static_cast<unsigned>(ours.key.size());
  }
};

std::unique_ptr<SslHandshake> SslHandshake::create(const SslContext& context, Options options, Wire& wire) {
  const Libssl& lib = *libssl();
  BioMethod* method = Hooks::bio_method();
  Ssl* ssl = method == nullptr ? nullptr : context.create();
  if (ssl == nullptr) return nullptr;
  Bio* bio = lib.BIO_new(method);
  if (bio == nullptr) {
    lib.SSL_free(ssl);
    return nullptr;
  }
  // It takes the one reference where both are the same.
  lib.SSL_set_bio(ssl, bio, bio);
  auto handshake = std::unique_ptr<SslHandshake>(new SslHandshake(lib, ssl, std::move(options), wire));
  lib.BIO_set_data(bio, handshake.get());
  handshake->set_up();
  return handshake;
}

SslHandshake::SslHandshake(const Libssl& lib, Ssl* ssl, Options options, Wire& wire)
    : lib_(lib), ssl_(ssl), options_(std::move(options)), wire_(wire) {}

void SslHandshake::set_up() {
  lib_.SSL_set_ex_data(ssl_, SslContext::ex_data_index(), this);
  lib_.SSL_set_msg_callback(ssl_, Hooks::on_message);
  lib_.SSL_ctrl(ssl_, kSetMode, kReleaseBuffers, nullptr);
  // A client looks at the certificate without being told to.
  lib_.SSL_set_verify(ssl_, options_.request_certificate ? kVerifyPeer : kVerifyNone, Hooks::take_any);
  if (options_.server) {
    lib_.SSL_set_accept_state(ssl_);
    if (options_.asks) lib_.SSL_set_cert_cb(ssl_, Hooks::on_certificate, this);
    if (options_.psk) lib_.SSL_set_psk_server_callback(ssl_, Hooks::on_psk_identity);
    return;
  }
  lib_.SSL_set_connect_state(ssl_);
  if (options_.psk) lib_.SSL_set_psk_client_callback(ssl_, Hooks::on_psk);
  if (!options_.server_name.empty()) {
    lib_.SSL_ctrl(ssl_, kSetHostName, kHostName, options_.server_name.data());
  }
  const std::string& protocols = options_.alpn_protocols;
  if (!protocols.empty()) {
    lib_.SSL_set_alpn_protos(ssl_, reinterpret_cast<const uint8_t*>(protocols.data()),
                             static_cast<unsigned>(protocols.size()));
  }
  if (options_.session.empty()) return;
  auto* der = reinterpret_cast<const uint8_t*>(options_.session.data());
  SslReference<SslSession> session(
      lib_.d2i_SSL_SESSION(nullptr, &der, static_cast<long>(options_.session.size())));
  if (session != nullptr) lib_.SSL_set_session(ssl_, session.get());
}

SslHandshake::~SslHandshake() {
  if (options_.psk) explicit_bzero(options_.psk->key.data(), options_.psk->key.size());
  // Whatever it still writes goes nowhere.
  end();
  lib_.SSL_free(ssl_);
}

void SslHandshake::on_message(bool written, int type, Bytes message) {
  bool is_handshake = type == static_cast<int>(ContentType::handshake) && !message.empty();
  if (written && type == kRecordHeader) {
    sent_after_finished_++;
  } else if (written && is_handshake && message[0] == kFinished) {
    // Its own record was counted before it.
    sent_after_finished_ = 0;
  } else if (!written && type == static_cast<int>(ContentType::alert) && message.size() == 2) {
    peer_alert_ = message[1];
  }
  // Behind ServerHello come the secrets of the handshake itself, under which only a client may have to refuse
  // its peer, and behind each Finished those of the connection.
  if (is_handshake && message[0] == kServerHello && options_.server) {
    logs_ = lib_.SSL_version(ssl_) != kTls13;
  } else if (is_handshake && message[0] == kFinished) {
    logs_ = true;
  }
  // Each time: the server's name may have led to another context since, and others may have set their own
  // callback.
  Hooks::log_keys(lib_, ssl_, logs_);
}

SslHandshake::Step SslHandshake::proceed() {
  starved_ = false;
  lib_.ERR_clear_error();
  driving_ = true;
  int result = lib_.SSL_do_handshake(ssl_);
  driving_ = false;
  if (result == 1) return Step::done;
  int error = lib_.SSL_get_error(ssl_, result);
  if (error == kWantRead || error == kWantWrite || error == kWantX509Lookup) return Step::waiting;
  if (wire_failure_.ok()) {
    const char* reason = lib_.ERR_reason_error_string(lib_.ERR_peek_error());
    reason_ = reason == nullptr ? "unknown" : reason;
  }
  lib_.ERR_clear_error();
  return Step::failed;
}

bool SslHandshake::answer(const SslContext* context, Bytes staple) {
  if (!asked_ || answered_ || ended_) return true;
  if (context != nullptr && !context->give_to(ssl_)) return false;
  if (!staple.empty()) {
    // OpenSSL frees it.
    void* copy = lib_.CRYPTO_malloc(staple.size(), __FILE__, __LINE__);
    if (copy == nullptr) return false;
    memcpy(copy, staple.data(), staple.size());
    stapled_ = lib_.SSL_ctrl(ssl_, kSetStaple, static_cast<long>(staple.size()), copy) == 1;
    Hooks::answer_status(lib_, ssl_);
  }
  answered_ = true;
  return true;
}

void SslHandshake::sent(Bytes data) {
  output_.insert(output_.end(), data.begin(), data.end());
  Bytes end = data.last(std::min(data.size(), kLastSent));
  last_sent_.insert(last_sent_.end(), end.begin(), end.end());
  if (last_sent_.size() > kLastSent) last_sent_.erase(last_sent_.begin(), last_sent_.end() - kLastSent);
}

const char* SslHandshake::server_name() const { return lib_.SSL_get_servername(ssl_, kHostName); }

void SslHandshake::end() {
  ended_ = true;
  output_.clear();
}

void SslHandshake::retire() {
  end();
  output_.shrink_to_fit();
  // Room for a record in each direction.
  lib_.SSL_free_buffers(ssl_);
}

void SslHandshake::feed(Bytes record) {
  fed_ = record;
  lib_.ERR_clear_error();
  uint8_t nothing;
  // Takes in what is not application data, and finds that there is no more.
  lib_.SSL_read(ssl_, &nothing, 1);
  lib_.ERR_clear_error();
  fed_ = {};
}

}  // namespace ktls::tls

#include "tls/ssl_handshake.h"

#include <string.h>

#include <algorithm>
#include <atomic>

#include "tls/record_layer.h"

namespace ktls::tls {

namespace {

// From OpenSSL's headers; they have been the same since 1.1.0.
constexpr int kExDataOfSsl = 0;          // CRYPTO_EX_INDEX_SSL
constexpr int kSourceSink = 0x0400;      // BIO_TYPE_SOURCE_SINK
constexpr int kRetryRead = 0x01 | 0x08;  // BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY
constexpr int kRetryFlags = 0x0f;        // and WRITE, IO_SPECIAL
constexpr int kCtrlEof = 2;              // BIO_CTRL_EOF
constexpr int kCtrlFlush = 11;           // BIO_CTRL_FLUSH
constexpr int kWantRead = 2;             // SSL_ERROR_WANT_READ
constexpr int kWantWrite = 3;            // SSL_ERROR_WANT_WRITE
constexpr int kWantX509Lookup = 4;       // SSL_ERROR_WANT_X509_LOOKUP
constexpr int kRecordHeader = 0x100;     // SSL3_RT_HEADER: each record, as it is read or written
constexpr uint8_t kFinished = 20;        // RFC 8446, 4
constexpr size_t kLastSent = 64;

thread_local Ssl* created = nullptr;

}  // namespace

// What an SSL object of ours carries in its ex_data. It lives as long as that does.
struct SslHandshake::Slot {
  SslHandshake* owner;
  Ssl* ssl;
  Bio* bio;
  // node:tls keeps pointers to its own BIOs: they stay, and stay empty.
  Bio* replaced[2];
};

// What OpenSSL calls.
struct SslHandshake::Hooks {
  int index = -1;
  BioMethod* method = nullptr;
  // What others had set for a context that is theirs, too: node:tls, for its 'keylog' event.
  static inline std::atomic<Libssl::KeylogCallback> others = nullptr;

  // Once for the process: OpenSSL never forgets an index, nor may this library be unloaded after it.
  static const Hooks& get(const Libssl& lib) {
    static const Hooks hooks(lib);
    return hooks;
  }

  explicit Hooks(const Libssl& lib) {
    index = lib.CRYPTO_get_ex_new_index(kExDataOfSsl, 0, nullptr, on_new, nullptr, on_free);
    method = lib.BIO_meth_new(lib.BIO_get_new_index() | kSourceSink, "ktls-transfer handshake");
    if (method == nullptr) return;
    lib.BIO_meth_set_read(method, read);
    lib.BIO_meth_set_write(method, write);
    lib.BIO_meth_set_ctrl(method, control);
  }

  static SslHandshake* owner(Bio* bio) {
    auto* slot = static_cast<Slot*>(libssl()->BIO_get_data(bio));
    return slot == nullptr ? nullptr : slot->owner;
  }

  static void on_new(void* parent, void*, void*, int, long, void*) { created = static_cast<Ssl*>(parent); }

  static void on_free(void*, void* value, void*, int, long, void*) {
    auto* slot = static_cast<Slot*>(value);
    if (slot == nullptr) return;
    const Libssl& lib = *libssl();
    if (slot->owner != nullptr) slot->owner->slot_ = nullptr;
    lib.BIO_set_data(slot->bio, nullptr);
    lib.BIO_free(slot->bio);
    for (Bio* bio : slot->replaced) lib.BIO_free(bio);
    delete slot;
  }

  static int read(Bio* bio, char* memory, int length) {
    const Libssl& lib = *libssl();
    lib.BIO_clear_flags(bio, kRetryFlags);
    SslHandshake* handshake = owner(bio);
    // Only for those who asked for a step: whoever else reads would read on, behind the handshake.
    if (handshake == nullptr || (!handshake->driving_ && handshake->fed_.empty())) {
      lib.BIO_set_flags(bio, kRetryRead);
      return -1;
    }
    MutableBytes out(reinterpret_cast<uint8_t*>(memory), length);
    if (!handshake->fed_.empty()) {
      size_t count = std::min(out.size(), handshake->fed_.size());
      memcpy(out.data(), handshake->fed_.data(), count);
      handshake->fed_ = handshake->fed_.subspan(count);
      return static_cast<int>(count);
    }
    Result<size_t> received = handshake->wire_.receive(out);
    if (received.ok()) return static_cast<int>(*received);
    if (received.is(Code::would_block)) {
      handshake->starved_ = true;
      lib.BIO_set_flags(bio, kRetryRead);
      return -1;
    }
    handshake->end_of_stream_ = received.is(Code::end_of_stream);
    handshake->wire_failure_ = std::move(received).status();
    return handshake->end_of_stream_ ? 0 : -1;
  }

  static int write(Bio* bio, const char* data, int length) {
    libssl()->BIO_clear_flags(bio, kRetryFlags);
    SslHandshake* handshake = owner(bio);
    if (handshake != nullptr && !handshake->ended_) {
      handshake->sent({reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(length)});
    }
    return length;
  }

  static long control(Bio* bio, int command, long, void*) {
    SslHandshake* handshake = owner(bio);
    if (command == kCtrlEof) return handshake != nullptr && handshake->end_of_stream_;
    if (command != kCtrlFlush) return 0;
    if (handshake != nullptr && !handshake->driving_ && !handshake->output_.empty()) {
      handshake->wire_.on_output();
    }
    return 1;
  }

  // By the SSL object, never by the client's random in the line: an attacker may repeat that of another
  // connection.
  static void on_secret(const Ssl* ssl, const char* line) {
    const Libssl& lib = *libssl();
    auto* slot = static_cast<Slot*>(lib.SSL_get_ex_data(ssl, get(lib).index));
    if (slot != nullptr && slot->owner != nullptr) {
      slot->owner->key_log_.add(line);
    } else if (Libssl::KeylogCallback other = others) {
      other(ssl, line);
    }
  }

  static void log_keys(const Libssl& lib, const Ssl* ssl) {
    SslCtx* context = lib.SSL_get_SSL_CTX(ssl);
    Libssl::KeylogCallback current = lib.SSL_CTX_get_keylog_callback(context);
    if (current == on_secret) return;
    if (current != nullptr) others = current;
    lib.SSL_CTX_set_keylog_callback(context, on_secret);
  }

  static void on_message(int written, int, int type, const void* message, size_t length, Ssl* ssl, void*) {
    const Libssl& lib = *libssl();
    auto* slot = static_cast<Slot*>(lib.SSL_get_ex_data(ssl, get(lib).index));
    if (slot == nullptr || slot->owner == nullptr) return;
    // Before what this message leads to: the server's name may have led to another context since, and others
    // may have set their own callback.
    log_keys(lib, ssl);
    SslHandshake& handshake = *slot->owner;
    auto* bytes = static_cast<const uint8_t*>(message);
    if (written != 0 && type == kRecordHeader) {
      handshake.sent_after_finished_++;
    } else if (written != 0 && type == static_cast<int>(ContentType::handshake) && length > 0 &&
               bytes[0] == kFinished) {
      // Its own record was counted before it.
      handshake.sent_after_finished_ = 0;
    } else if (written == 0 && type == static_cast<int>(ContentType::alert) && length == 2) {
      handshake.peer_alert_ = bytes[1];
    }
  }
};

std::unique_ptr<SslHandshake> SslHandshake::take(const std::function<void()>& make, Wire& wire) {
  const Libssl* lib = libssl();
  if (lib == nullptr) return nullptr;
  const Hooks& hooks = Hooks::get(*lib);
  if (hooks.index < 0 || hooks.method == nullptr) return nullptr;
  created = nullptr;
  make();
  if (created == nullptr) return nullptr;
  return std::unique_ptr<SslHandshake>(new SslHandshake(*lib, std::exchange(created, nullptr), wire));
}

SslHandshake::SslHandshake(const Libssl& lib, Ssl* ssl, Wire& wire) : lib_(lib), wire_(wire) {
  const Hooks& hooks = Hooks::get(lib);
  slot_ = new Slot{this, ssl, lib.BIO_new(hooks.method), {lib.SSL_get_rbio(ssl), lib.SSL_get_wbio(ssl)}};
  lib.BIO_set_data(slot_->bio, slot_);
  for (Bio* bio : slot_->replaced) lib.BIO_up_ref(bio);
  // One reference is the slot's; SSL_set_bio(3) takes one where both are the same.
  lib.BIO_up_ref(slot_->bio);
  lib.SSL_set_bio(ssl, slot_->bio, slot_->bio);
  lib.SSL_set_ex_data(ssl, hooks.index, slot_);
  lib.SSL_set_msg_callback(ssl, Hooks::on_message);
}

SslHandshake::~SslHandshake() {
  if (slot_ != nullptr) slot_->owner = nullptr;
}

SslHandshake::Step SslHandshake::proceed() {
  if (slot_ == nullptr) {
    reason_ = "the TLS socket was destroyed";
    return Step::failed;
  }
  Ssl* ssl = slot_->ssl;
  starved_ = false;
  lib_.ERR_clear_error();
  driving_ = true;
  int result = lib_.SSL_do_handshake(ssl);
  driving_ = false;
  if (result == 1) return Step::done;
  int error = lib_.SSL_get_error(ssl, result);
  if (error == kWantRead || error == kWantWrite || error == kWantX509Lookup) return Step::waiting;
  if (wire_failure_.ok()) {
    const char* reason = lib_.ERR_reason_error_string(lib_.ERR_peek_error());
    reason_ = reason == nullptr ? "unknown" : reason;
  }
  lib_.ERR_clear_error();
  return Step::failed;
}

void SslHandshake::sent(Bytes data) {
  output_.insert(output_.end(), data.begin(), data.end());
  Bytes end = data.last(std::min(data.size(), kLastSent));
  last_sent_.insert(last_sent_.end(), end.begin(), end.end());
  if (last_sent_.size() > kLastSent) last_sent_.erase(last_sent_.begin(), last_sent_.end() - kLastSent);
}

SslHandshake::Random SslHandshake::client_random() const {
  Random random = {};
  if (slot_ != nullptr) lib_.SSL_get_client_random(slot_->ssl, random.data(), random.size());
  return random;
}

SslHandshake::Random SslHandshake::server_random() const {
  Random random = {};
  if (slot_ != nullptr) lib_.SSL_get_server_random(slot_->ssl, random.data(), random.size());
  return random;
}

void SslHandshake::end() {
  ended_ = true;
  output_.clear();
}

void SslHandshake::retire() {
  end();
  output_.shrink_to_fit();
  // Room for a record in each direction.
  if (slot_ != nullptr) lib_.SSL_free_buffers(slot_->ssl);
}

void SslHandshake::feed(Bytes record) {
  if (slot_ == nullptr) return;
  fed_ = record;
  lib_.ERR_clear_error();
  uint8_t nothing;
  // Takes in what is not application data, and finds that there is no more.
  lib_.SSL_read(slot_->ssl, &nothing, 1);
  lib_.ERR_clear_error();
  fed_ = {};
}

}  // namespace ktls::tls

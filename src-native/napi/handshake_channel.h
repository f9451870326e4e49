// A TCP socket on the event loop while a TLS handshake is done over it; afterwards what the handshake knows.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/status.h"
#include "napi/poll.h"
#include "tls/record_layer.h"
#include "tls/ssl_facts.h"
#include "tls/ssl_handshake.h"

namespace ktls::napi {

// Nothing behind the handshake is read: it stays in the kernel's queue for the record layer that takes the
// descriptor over. lib/handshake/native.ts documents what JavaScript sees.
//
// While it waits for the socket its JavaScript object is kept from the garbage collector and its poll
// handle keeps the loop alive; otherwise neither.
class HandshakeChannel : public Napi::ObjectWrap<HandshakeChannel>,
                         private PollOwner,
                         private tls::SslHandshake::Wire {
 public:
  static Napi::Function define(Napi::Env env);

  explicit HandshakeChannel(const Napi::CallbackInfo& info);
  ~HandshakeChannel() override;

 private:
  void begin(const Napi::CallbackInfo& info);
  Napi::Value proceed(const Napi::CallbackInfo& info);
  void answer(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);
  void discard(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  void shut_down(const Napi::CallbackInfo& info);
  Napi::Value drain(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  void feed(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  Napi::Value peer_alert(const Napi::CallbackInfo& info);

  // handshake_facts.cc: what the handshake agreed on.
  static std::vector<PropertyDescriptor> facts();
  Napi::Value secret(const Napi::CallbackInfo& info);
  Napi::Value sent_after_finished(const Napi::CallbackInfo& info);
  Napi::Value last_sent(const Napi::CallbackInfo& info);
  Napi::Value used_psk(const Napi::CallbackInfo& info);
  Napi::Value protocol(const Napi::CallbackInfo& info);
  Napi::Value cipher(const Napi::CallbackInfo& info);
  Napi::Value server_name(const Napi::CallbackInfo& info);
  Napi::Value alpn_protocol(const Napi::CallbackInfo& info);
  Napi::Value session_reused(const Napi::CallbackInfo& info);
  Napi::Value verify_error(const Napi::CallbackInfo& info);
  Napi::Value certificate(const Napi::CallbackInfo& info);
  Napi::Value peer_certificates(const Napi::CallbackInfo& info);
  Napi::Value session(const Napi::CallbackInfo& info);
  Napi::Value finished(const Napi::CallbackInfo& info);
  Napi::Value shared_signature_algorithms(const Napi::CallbackInfo& info);
  Napi::Value ephemeral_key(const Napi::CallbackInfo& info);
  Napi::Value exporter_secret(const Napi::CallbackInfo& info);
  Napi::Value randoms(const Napi::CallbackInfo& info);

  Result<size_t> receive(MutableBytes memory) override;
  void on_certificate(const char* server_name, bool wants_staple) override;
  void on_poll(int status, int events) override;
  void on_environment_going() override { close_now(); }

  // What the handshake wrote joins what waits.
  void collect_output();
  // Sends what waits, as far as the kernel takes it.
  Status send_waiting();
  void throw_failure(Napi::Env env);
  // Sends from the front of `data` what the kernel takes now, and returns how much that was.
  Result<size_t> send_some(Bytes data);
  // Waits for `events` beside those waited for already; each is waited for once.
  Status want(int events);
  Status rearm();
  // Closes what is still there. Idempotent.
  void close_now();
  void call(const Napi::FunctionReference& callback, std::initializer_list<napi_value> arguments);

  Fd fd_;
  Poll* poll_ = nullptr;
  // UV_READABLE | UV_WRITABLE: what JavaScript waits for, and what libuv was told to watch. They differ
  // only while an event is handled, so that a callback which waits again costs no system call.
  int wanted_ = 0;
  int armed_ = 0;
  Napi::FunctionReference on_readable_;
  Napi::FunctionReference on_written_;
  Napi::FunctionReference on_certificate_;
  Napi::AsyncContext context_;

  // From begin() to release(), and to close() where tickets may come.
  std::unique_ptr<tls::SslHandshake> handshake_;
  // From the end of the handshake to close().
  std::unique_ptr<tls::SslFacts> facts_;
  bool server_ = false;
  bool proceeding_ = false;
  // The start of the first record's header, and how many bytes have come in all.
  uint8_t first_[tls::kHeaderLength] = {};
  size_t received_ = 0;
  // What the kernel did not take yet.
  std::vector<uint8_t> waiting_;
};

}  // namespace ktls::napi

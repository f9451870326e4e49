// A TCP socket on the event loop while the handshake of node:tls is done over it.
#pragma once

#include <napi.h>
#include <uv.h>

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/status.h"
#include "tls/record_layer.h"
#include "tls/ssl_handshake.h"

namespace ktls::napi {

// Nothing behind the handshake is read: it stays in the kernel's queue for the record layer that takes the
// descriptor over. lib/native.ts documents what JavaScript sees.
//
// While it waits for the socket its JavaScript object is kept from the garbage collector and its poll
// handle keeps the loop alive; otherwise neither.
class HandshakeChannel : public Napi::ObjectWrap<HandshakeChannel>, private tls::SslHandshake::Wire {
 public:
  static Napi::Function define(Napi::Env env);

  explicit HandshakeChannel(const Napi::CallbackInfo& info);
  ~HandshakeChannel() override;

 private:
  // Outlives the channel until libuv has let go of it.
  struct Poll;

  Napi::Value attach(const Napi::CallbackInfo& info);
  Napi::Value proceed(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);
  void discard(const Napi::CallbackInfo& info);
  Napi::Value sent_after_finished(const Napi::CallbackInfo& info);
  Napi::Value secret(const Napi::CallbackInfo& info);
  Napi::Value tls12_outcome(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  void shut_down(const Napi::CallbackInfo& info);
  Napi::Value drain(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  void feed(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  Result<size_t> receive(MutableBytes memory) override;
  void on_output() override;

  Napi::Value peer_alert(const Napi::CallbackInfo& info);
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
  void on_event(int status, int events);
  void call(const Napi::FunctionReference& callback, std::initializer_list<napi_value> arguments);

  Fd fd_;
  Poll* poll_ = nullptr;
  // UV_READABLE | UV_WRITABLE: what JavaScript waits for, and what libuv was told to watch. They differ
  // only while an event is handled, so that a callback which waits again costs no system call.
  int wanted_ = 0;
  int armed_ = 0;
  Napi::FunctionReference on_readable_;
  Napi::FunctionReference on_written_;
  Napi::AsyncContext context_;

  std::unique_ptr<tls::SslHandshake> handshake_;
  // The start of the first record's header, and how many bytes have come in all.
  uint8_t first_[tls::kHeaderLength] = {};
  size_t received_ = 0;
  // What the kernel did not take yet.
  std::vector<uint8_t> waiting_;
};

}  // namespace ktls::napi

// A TCP socket on the event loop while node:tls does its handshake over it in JavaScript.
#pragma once

#include <napi.h>
#include <uv.h>

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/status.h"

namespace ktls::napi {

// Reads header, then body, never more: what follows a record stays in the kernel's queue for the
// record layer that takes the descriptor over. lib/native.ts documents what JavaScript sees.
//
// While it waits for the socket its JavaScript object is kept from the garbage collector and its poll
// handle keeps the loop alive; otherwise neither.
class HandshakeChannel : public Napi::ObjectWrap<HandshakeChannel> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit HandshakeChannel(const Napi::CallbackInfo& info);
  ~HandshakeChannel() override;

 private:
  // Outlives the channel until libuv has let go of it.
  struct Poll;

  Napi::Value read_record(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  void shut_down(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  // Reads until the record is whole: ok; would_block; end_of_stream between two records.
  Status receive();
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

  // The record being read: header and as much of the body as came.
  std::vector<uint8_t> record_;
  size_t received_ = 0;
  // What the kernel did not take yet.
  std::vector<uint8_t> waiting_;
};

}  // namespace ktls::napi

// One TLS connection of a transfer as JavaScript holds it: made from a descriptor and its keys, put
// through HELLO and HELLO_OK, then handed to a sender or a receiver.
#pragma once

#include <napi.h>

#include <memory>

#include "base/cancel.h"
#include "engine/link.h"
#include "napi/task.h"

namespace ktls::napi {

class ConnectionHandle : public Napi::ObjectWrap<ConnectionHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ConnectionHandle(const Napi::CallbackInfo& info);
  ~ConnectionHandle() override;

  // The connection of a JavaScript object of this class; ownership moves to the caller. Null when it
  // was closed or taken before, or is busy.
  static std::unique_ptr<engine::Link> take(const Napi::Value& value);

 private:
  // Shared with the task of a running call, which outlives this object when it is collected.
  struct State {
    std::unique_ptr<engine::Link> link;
    std::shared_ptr<Cancel> cancel;
    bool busy = false;  // a call is running: the event loop's thread only
  };

  static void release(State& state);

  Napi::Value record(const Napi::CallbackInfo& info);
  Napi::Value far(const Napi::CallbackInfo& info);
  Napi::Value hello(const Napi::CallbackInfo& info);
  Napi::Value read_hello(const Napi::CallbackInfo& info);
  Napi::Value accept(const Napi::CallbackInfo& info);
  Napi::Value refuse(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  // Runs `call` with the link on a thread of its own.
  using Call = std::function<Status(engine::Link&, const engine::Patience&)>;
  Napi::Value start(Napi::Env env, const char* name, const Napi::Value& timeout_ms, Call call,
                    Task::Convert convert);

  std::shared_ptr<State> state_;
  tls::RecordReport report_;
  bool far_ = false;
};

}  // namespace ktls::napi

// A sender or a receiver as JavaScript holds it.
#pragma once

#include <napi.h>

#include <memory>

#include "base/cancel.h"
#include "engine/receiver.h"
#include "engine/sender.h"

namespace ktls::napi {

// `Engine` is engine::Sender or engine::Receiver; transfer.cc has what differs between them.
template <typename Engine>
class TransferHandle : public Napi::ObjectWrap<TransferHandle<Engine>> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TransferHandle(const Napi::CallbackInfo& info);

 private:
  // Shared with the running task, which outlives this object when it is collected.
  struct State {
    // Both are given up when run() has ended, or will never be called: they hold descriptors, and JavaScript
    // may collect the object long afterwards.
    std::shared_ptr<Cancel> cancel;
    std::unique_ptr<Engine> engine;
    engine::Progress last{};  // once there is no engine
    bool running = false;
    // Queues onConnectionNeeded onto the event loop; set while run() runs.
    std::mutex mutex;
    std::function<void()> connection_needed;
  };

  static void release(State& state);

  Napi::Value run(const Napi::CallbackInfo& info);
  void add_connection(const Napi::CallbackInfo& info);
  void expect_connection(const Napi::CallbackInfo& info);
  void call_off_connection(const Napi::CallbackInfo& info);
  Napi::Value connections_open(const Napi::CallbackInfo& info);
  Napi::Value progress(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);

  std::shared_ptr<State> state_;
};

}  // namespace ktls::napi

// What other threads tell an environment's event loop: one message for each job of theirs.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

namespace ktls::napi {

// Lives as long as the environment, at one address.
template <typename Message>
class LoopQueue {
 public:
  // `on_message` runs on the event loop's thread. `on_exit` runs when the environment goes, and has to end
  // all threads that post: their messages are dropped from then on.
  LoopQueue(std::function<void(Napi::Env, Message&)> on_message, std::function<void()> on_exit)
      : on_message_(std::move(on_message)), on_exit_(std::move(on_exit)) {}
  LoopQueue(const LoopQueue&) = delete;
  LoopQueue& operator=(const LoopQueue&) = delete;

  // Once, before all else. False when the environment is going.
  bool open(Napi::Env env, const char* name) {
    if (napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, name), 0, 1, nullptr,
                                        nullptr, this, deliver, &function_) != napi_ok) {
      return false;
    }
    napi_unref_threadsafe_function(env, function_);
    // Hooks run in the reverse order: this one before the function's own, so that the threads are
    // joined while the function can still be called.
    napi_add_env_cleanup_hook(env, leave, this);
    return true;
  }

  // A message will come, and keeps the event loop alive until then. On the loop's thread.
  void expect(Napi::Env env) {
    if (expected_++ == 0) napi_ref_threadsafe_function(env, function_);
  }

  // From any thread, once for each expect().
  void post(Message message) {
    auto* posted = new Message(std::move(message));
    if (napi_call_threadsafe_function(function_, posted, napi_tsfn_blocking) != napi_ok) delete posted;
  }

 private:
  static void deliver(napi_env raw_env, napi_value, void* context, void* data) {
    std::unique_ptr<Message> message(static_cast<Message*>(data));
    if (raw_env == nullptr) return;  // the environment is going: nobody is left to tell
    Napi::Env env(raw_env);
    Napi::HandleScope scope(env);
    auto* queue = static_cast<LoopQueue*>(context);
    if (--queue->expected_ == 0) napi_unref_threadsafe_function(env, queue->function_);
    queue->on_message_(env, *message);
  }

  static void leave(void* context) { static_cast<LoopQueue*>(context)->on_exit_(); }

  const std::function<void(Napi::Env, Message&)> on_message_;
  const std::function<void()> on_exit_;
  napi_threadsafe_function function_ = nullptr;
  size_t expected_ = 0;
};

}  // namespace ktls::napi

// Long work on a thread of our own, and a promise that settles when it ends.
//
// Why not Napi::AsyncWorker: it takes one of libuv's four pool threads, so that fs and dns calls of
// the whole program wait behind a transfer, and it aborts the process when a worker is terminated.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <thread>

#include "base/cancel.h"
#include "base/status.h"

namespace ktls::napi {

// Owns itself: lives until its thread has ended and its promise is settled, or until the
// environment goes, which sets the cancel flag and joins the thread.
class Task {
 public:
  // On the event loop's thread.
  using OnLoop = std::function<void(Napi::Env)>;
  using Convert = std::function<Napi::Value(Napi::Env)>;
  // On the task's thread. `post` queues a call onto the event loop; it does nothing once the
  // environment is going.
  using Post = std::function<void(OnLoop)>;
  using Work = std::function<Status(const Post& post)>;

  // Resolves with what `convert` makes after `work` returned ok; rejects with its Status otherwise.
  // `work` must return within milliseconds of `cancel` being set.
  // `at_end`, if given, is called on the event loop's thread before the promise settles either way.
  static Napi::Value run(Napi::Env env, const char* name, std::shared_ptr<Cancel> cancel, Work work,
                         Convert convert, std::function<void()> at_end = nullptr);

 private:
  Task(Napi::Env env, std::shared_ptr<Cancel> cancel, Work work, Convert convert,
       std::function<void()> at_end);

  void settle(Napi::Env env);
  static void on_loop(napi_env env, napi_value callback, void* context, void* data);
  static void on_environment_exit(void* task);
  static void finalize(napi_env env, void* task, void* hint);

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Cancel> cancel_;
  Work work_;
  Convert convert_;
  std::function<void()> at_end_;
  Status status_;
  napi_threadsafe_function function_ = nullptr;
  std::thread thread_;
};

}  // namespace ktls::napi

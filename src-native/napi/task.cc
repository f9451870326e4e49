#include "napi/task.h"

#include "base/thread.h"
#include "napi/error.h"

namespace ktls::napi {

Task::Task(Napi::Env env, std::shared_ptr<Cancel> cancel, Work work, Convert convert,
           std::function<void()> at_end)
    : deferred_(Napi::Promise::Deferred::New(env)),
      cancel_(std::move(cancel)),
      work_(std::move(work)),
      convert_(std::move(convert)),
      at_end_(std::move(at_end)) {}

Napi::Value Task::run(Napi::Env env, const char* name, std::shared_ptr<Cancel> cancel, Work work,
                      Convert convert, std::function<void()> at_end) {
  auto* task = new Task(env, std::move(cancel), std::move(work), std::move(convert), std::move(at_end));
  Napi::Promise promise = task->deferred_.Promise();
  napi_status created =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, name), 0, 1, task,
                                      finalize, task, on_loop, &task->function_);
  if (created != napi_ok) {
    task->deferred_.Reject(
        to_error(env, Status::fail(Code::unsupported, "the environment is going: no task can be started")));
    delete task;
    return promise;
  }
  // Hooks run in the reverse order: this one before the function's own, so that the thread is joined
  // while the function can still be called.
  napi_add_env_cleanup_hook(env, on_environment_exit, task);
  Result<std::thread> thread = start_thread(name, [task] {
    Post post = [task](OnLoop call) {
      auto* data = new OnLoop(std::move(call));
      if (napi_call_threadsafe_function(task->function_, data, napi_tsfn_blocking) != napi_ok) delete data;
    };
    task->status_ = task->work_(post);
    napi_call_threadsafe_function(task->function_, nullptr, napi_tsfn_blocking);
    napi_release_threadsafe_function(task->function_, napi_tsfn_release);
  });
  if (thread.ok()) {
    task->thread_ = std::move(*thread);
  } else {
    task->status_ = std::move(thread).status();
    task->settle(env);
    napi_release_threadsafe_function(task->function_, napi_tsfn_release);
  }
  return promise;
}

void Task::settle(Napi::Env env) {
  if (status_.ok()) {
    deferred_.Resolve(convert_(env));
  } else {
    deferred_.Reject(to_error(env, status_));
  }
  // Whoever waits for the promise runs later than this.
  if (at_end_) at_end_();
}

// `data` is a posted call, or null when the work has ended.
void Task::on_loop(napi_env raw_env, napi_value, void* context, void* data) {
  std::unique_ptr<OnLoop> call(static_cast<OnLoop*>(data));
  if (raw_env == nullptr) return;  // the environment is going: nobody is left to tell
  Napi::Env env(raw_env);
  Napi::HandleScope scope(env);
  if (call) {
    (*call)(env);
  } else {
    static_cast<Task*>(context)->settle(env);
  }
}

void Task::on_environment_exit(void* data) {
  auto* task = static_cast<Task*>(data);
  task->cancel_->set();
  if (task->thread_.joinable()) task->thread_.join();
}

void Task::finalize(napi_env env, void* data, void*) {
  auto* task = static_cast<Task*>(data);
  napi_remove_env_cleanup_hook(env, on_environment_exit, task);
  if (task->thread_.joinable()) task->thread_.join();
  delete task;
}

}  // namespace ktls::napi

// A descriptor watched on the event loop, without keeping anything alive longer than its owner wants.
#pragma once

#include <napi.h>
#include <uv.h>

#include "base/status.h"

namespace ktls::napi {

class PollOwner {
 public:
  // `status` < 0: the descriptor has an error, and is watched no more. On the event loop, outside of
  // any call of JavaScript.
  virtual void on_poll(int status, int events) = 0;
  // The environment goes: close() must be called before this returns.
  virtual void on_environment_going() = 0;

 protected:
  ~PollOwner() = default;
};

// Lives from open() until libuv has let go of it, a turn of the loop after close().
class Poll {
 public:
  // Both stay the caller's; the descriptor is made non-blocking.
  static Result<Poll*> open(Napi::Env env, int fd, PollOwner& owner);

  // UV_READABLE | UV_WRITABLE; 0 watches nothing, and keeps the loop alive no more.
  Status watch(int events);
  void set_referenced(bool referenced);
  // The owner hears nothing any more, and may close the descriptor at once.
  void close();

 private:
  Poll() = default;

  uv_poll_t handle_;
  PollOwner* owner_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace ktls::napi

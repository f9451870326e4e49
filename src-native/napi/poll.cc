#include "napi/poll.h"

namespace ktls::napi {

Result<Poll*> Poll::open(Napi::Env env, int fd, PollOwner& owner) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  auto* poll = new Poll;
  if (int result = uv_poll_init(loop, &poll->handle_, fd); result != 0) {
    delete poll;
    return Status::system("epoll_ctl", -result);
  }
  poll->handle_.data = poll;
  poll->owner_ = &owner;
  // Asynchronous, because libuv lets go of a handle one turn of the loop after it was told to.
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle, void* data) {
        auto* poll = static_cast<Poll*>(data);
        if (poll->owner_ != nullptr) poll->owner_->on_environment_going();
      },
      poll, &poll->hook_);
  return poll;
}

Status Poll::watch(int events) {
  int result = 0;
  if (events == 0) {
    result = uv_poll_stop(&handle_);
  } else {
    result = uv_poll_start(&handle_, events, [](uv_poll_t* handle, int status, int events) {
      auto* poll = static_cast<Poll*>(handle->data);
      if (poll->owner_ != nullptr) poll->owner_->on_poll(status, events);
    });
  }
  return result == 0 ? Status() : Status::system("epoll_ctl", -result);
}

void Poll::set_referenced(bool referenced) {
  auto* handle = reinterpret_cast<uv_handle_t*>(&handle_);
  if (referenced) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

void Poll::close() {
  owner_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_), [](uv_handle_t* closed) {
    auto* poll = static_cast<Poll*>(closed->data);
    napi_remove_async_cleanup_hook(poll->hook_);
    delete poll;
  });
}

}  // namespace ktls::napi

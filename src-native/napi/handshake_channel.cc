#include "napi/handshake_channel.h"

#include <errno.h>
#include <sys/socket.h>

#include "napi/addon.h"
#include "napi/callback.h"
#include "napi/error.h"
#include "tls/cipher.h"
#include "tls/record_layer.h"

namespace ktls::napi {

namespace {

// Tells a TLS record from anything else by as much of its header as is there (RFC 8446, 5.1), so that
// a peer which speaks first, and shortly, is not waited for.
bool may_be_record(const uint8_t* header, size_t length) {
  if (length > 0 && (header[0] < static_cast<uint8_t>(tls::ContentType::change_cipher_spec) ||
                     header[0] > static_cast<uint8_t>(tls::ContentType::application_data))) {
    return false;
  }
  if (length > 1 && header[1] != 3) return false;
  return length < tls::kHeaderLength || (header[3] << 8 | header[4]) <= static_cast<int>(tls::kMaxCiphertext);
}

}  // namespace

struct HandshakeChannel::Poll {
  uv_poll_t handle;
  HandshakeChannel* channel;
  napi_async_cleanup_hook_handle hook;

  void close() {
    channel = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closed) {
      auto* poll = static_cast<Poll*>(closed->data);
      napi_remove_async_cleanup_hook(poll->hook);
      delete poll;
    });
  }
};

Napi::Function HandshakeChannel::define(Napi::Env env) {
  return DefineClass(env, "HandshakeChannel",
                     {
                         InstanceMethod<&HandshakeChannel::read_record>("readRecord"),
                         InstanceMethod<&HandshakeChannel::write>("write"),
                         InstanceMethod<&HandshakeChannel::shut_down>("shutDown"),
                         InstanceMethod<&HandshakeChannel::release>("release"),
                         InstanceMethod<&HandshakeChannel::close>("close"),
                     });
}

HandshakeChannel::HandshakeChannel(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<HandshakeChannel>(info),
      fd_(info[0].As<Napi::Number>().Int32Value()),
      on_readable_(Napi::Persistent(info[1].As<Napi::Function>())),
      on_written_(Napi::Persistent(info[2].As<Napi::Function>())),
      context_(info.Env(), "KTLSHANDSHAKE") {
  Napi::Env env = info.Env();
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  auto poll = std::make_unique<Poll>();
  // Also makes the descriptor non-blocking.
  if (int result = uv_poll_init(loop, &poll->handle, fd_.get()); result != 0) {
    fd_.reset();
    throw_error(env, Status::system("epoll_ctl", -result));
    return;
  }
  poll->handle.data = poll.get();
  poll->channel = this;
  // Asynchronous, because libuv lets go of a handle one turn of the loop after it was told to.
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle, void* data) {
        auto* poll = static_cast<Poll*>(data);
        if (poll->channel != nullptr) poll->channel->close_now();
      },
      poll.get(), &poll->hook);
  poll_ = poll.release();
}

HandshakeChannel::~HandshakeChannel() {
  // The JavaScript object is gone: it must not be unreferenced any more.
  armed_ = 0;
  close_now();
}

Napi::Value HandshakeChannel::read_record(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (wanted_ & UV_READABLE) return env.Undefined();
  Status status = receive();
  if (status.is(Code::end_of_stream)) return env.Null();
  bool waits = status.is(Code::would_block);
  if (waits) status = want(UV_READABLE);
  if (!status.ok()) throw_error(env, status);
  if (waits || !status.ok()) return env.Undefined();
  received_ = 0;
  return Napi::Buffer<uint8_t>::Copy(env, record_.data(), record_.size());
}

Status HandshakeChannel::receive() {
  if (!fd_) return Status::system("recv", EBADF);
  if (received_ == 0) record_.resize(tls::kHeaderLength);
  for (;;) {
    ssize_t count = recv(fd_.get(), record_.data() + received_, record_.size() - received_, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return Status::of(Code::would_block);
    if (count < 0) return Status::system("recv", errno);
    if (count == 0 && received_ == 0) return Status::of(Code::end_of_stream);
    if (count == 0) return Status::fail(Code::truncated, "the peer went away in the middle of a record");
    received_ += count;
    if (!may_be_record(record_.data(), received_)) {
      return Status::fail(Code::bad_record, "what the peer sent is not a TLS record");
    }
    if (received_ == tls::kHeaderLength) {
      record_.resize(tls::kHeaderLength + (record_[3] << 8 | record_[4]));
    }
    if (received_ >= tls::kHeaderLength && received_ == record_.size()) return Status();
  }
}

Napi::Value HandshakeChannel::write(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto buffer = info[0].As<Napi::Buffer<uint8_t>>();
  Bytes data(buffer.Data(), buffer.Length());
  Status status;
  if (waiting_.empty()) {
    Result<size_t> sent = send_some(data);
    if (sent.ok()) {
      data = data.subspan(*sent);
    } else {
      status = std::move(sent).status();
    }
  }
  if (status.ok() && !data.empty()) {
    waiting_.insert(waiting_.end(), data.begin(), data.end());
    status = want(UV_WRITABLE);
  }
  if (!status.ok()) throw_error(env, status);
  return Napi::Boolean::New(env, waiting_.empty());
}

Result<size_t> HandshakeChannel::send_some(Bytes data) {
  if (!fd_) return Status::system("send", EBADF);
  size_t sent = 0;
  while (sent < data.size()) {
    ssize_t count = send(fd_.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += count;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return Status::system("send", errno);
    }
  }
  return sent;
}

void HandshakeChannel::shut_down(const Napi::CallbackInfo&) {
  if (fd_) shutdown(fd_.get(), SHUT_WR);
}

Napi::Value HandshakeChannel::release(const Napi::CallbackInfo& info) {
  Fd fd = std::move(fd_);
  // libuv forgets the descriptor at once, though it keeps the handle for a turn of the loop.
  close_now();
  return Napi::Number::New(info.Env(), fd.release());
}

void HandshakeChannel::close(const Napi::CallbackInfo&) { close_now(); }

Status HandshakeChannel::want(int events) {
  wanted_ |= events;
  return (wanted_ & ~armed_) != 0 ? rearm() : Status();
}

Status HandshakeChannel::rearm() {
  if (wanted_ == armed_) return Status();
  int result = 0;
  if (wanted_ == 0) {
    result = uv_poll_stop(&poll_->handle);
    Unref();
  } else {
    result = uv_poll_start(&poll_->handle, wanted_, [](uv_poll_t* handle, int status, int events) {
      auto* poll = static_cast<Poll*>(handle->data);
      if (poll->channel != nullptr) poll->channel->on_event(status, events);
    });
    if (armed_ == 0) Ref();
  }
  armed_ = wanted_;
  return result == 0 ? Status() : Status::system("epoll_ctl", -result);
}

void HandshakeChannel::close_now() {
  if (poll_ == nullptr) return;
  wanted_ = 0;
  if (std::exchange(armed_, 0) != 0) Unref();
  // Before the descriptor is closed: libuv takes it out of its epoll set here.
  std::exchange(poll_, nullptr)->close();
  fd_.reset();
  // They hold, in JavaScript, whoever holds this object: kept, none of them would ever be collected.
  on_readable_.Reset();
  on_written_.Reset();
}

void HandshakeChannel::on_event(int status, int events) {
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  // On the stack, for the callbacks may end the wait that kept it alive.
  [[maybe_unused]] Napi::Object self = Value();
  int woken = wanted_ & events;
  if (status < 0) {
    // The socket has an error: recv and send say which. libuv has stopped watching by itself.
    woken = wanted_;
    if (std::exchange(armed_, 0) != 0) Unref();
  }
  wanted_ &= ~woken;
  if (woken & UV_WRITABLE) {
    Result<size_t> sent = send_some(waiting_);
    if (sent.ok()) waiting_.erase(waiting_.begin(), waiting_.begin() + *sent);
    if (!sent.ok()) {
      waiting_.clear();
      call(on_written_, {to_error(env, sent.status())});
    } else if (waiting_.empty()) {
      call(on_written_, {});
    } else {
      wanted_ |= UV_WRITABLE;
    }
  }
  if (poll_ != nullptr && woken & UV_READABLE) call(on_readable_, {});
  if (poll_ == nullptr) return;
  if (Status armed = rearm(); !armed.ok()) call(on_written_, {to_error(env, armed)});
}

void HandshakeChannel::call(const Napi::FunctionReference& callback,
                            std::initializer_list<napi_value> arguments) {
  call_back(Value(), callback, arguments, context_);
}

void export_handshake_channel(Napi::Env env, Napi::Object exports) {
  exports.Set("HandshakeChannel", HandshakeChannel::define(env));
}

}  // namespace ktls::napi

// What a Socket can be asked and told beside its bytes.
#include "napi/error.h"
#include "napi/socket.h"
#include "napi/socket_options.h"
#include "net/socket.h"

namespace ktls::napi {

void Socket::set_referenced(const Napi::CallbackInfo& info) {
  if (poll_ != nullptr) poll_->set_referenced(info[0].As<Napi::Boolean>().Value());
}

void Socket::set_no_delay(const Napi::CallbackInfo& info) {
  if (poll_ == nullptr) return;
  Status set = net::set_nodelay(state_->connection->fd(), info[0].As<Napi::Boolean>().Value());
  if (!set.ok()) throw_error(info.Env(), set);
}

void Socket::set_keep_alive(const Napi::CallbackInfo& info) {
  if (poll_ == nullptr) return;
  Status set = napi::set_keep_alive(state_->connection->fd(), info[0].As<Napi::Boolean>().Value(),
                                    info[1].As<Napi::Number>().Int32Value());
  if (!set.ok()) throw_error(info.Env(), set);
}

Napi::Value Socket::address(const Napi::CallbackInfo& info) {
  if (poll_ == nullptr) return info.Env().Undefined();
  return socket_address(info.Env(), state_->connection->fd(), info[0].As<Napi::Boolean>().Value());
}

Napi::Value Socket::record(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("tx", tls::placement_name(report_.tx));
  object.Set("rx", tls::placement_name(report_.rx));
  object.Set("reason", report_.reason);
  return object;
}

Napi::Value Socket::bytes_read(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(bytes_read_));
}

Napi::Value Socket::bytes_written(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(bytes_written_ + state_->threaded));
}

}  // namespace ktls::napi

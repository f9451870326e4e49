#include "napi/connection.h"

#include "engine/handshake.h"
#include "napi/addon.h"
#include "napi/create_connection.h"
#include "napi/error.h"
#include "napi/hello.h"
#include "napi/values.h"
#include "net/socket.h"

namespace ktls::napi {

Napi::Function ConnectionHandle::define(Napi::Env env) {
  return DefineClass(env, "Connection",
                     {
                         InstanceAccessor<&ConnectionHandle::record>("record"),
                         InstanceAccessor<&ConnectionHandle::far>("far"),
                         InstanceMethod<&ConnectionHandle::hello>("hello"),
                         InstanceMethod<&ConnectionHandle::read_hello>("readHello"),
                         InstanceMethod<&ConnectionHandle::accept>("accept"),
                         InstanceMethod<&ConnectionHandle::refuse>("refuse"),
                         InstanceMethod<&ConnectionHandle::close>("close"),
                     });
}

ConnectionHandle::ConnectionHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ConnectionHandle>(info), state_(std::make_shared<State>()) {
  Result<std::shared_ptr<Cancel>> cancel = Cancel::create();
  if (!cancel.ok()) {
    throw_error(info.Env(), cancel.status());
    return;
  }
  state_->cancel = *cancel;
  Result<std::unique_ptr<tls::Connection>> connection =
      create_connection(info[0].As<Napi::Object>(), tls::ConnectionOptions());
  if (!connection.ok()) {
    throw_error(info.Env(), connection.status());
    return;
  }
  report_ = (*connection)->report();
  far_ = net::is_far((*connection)->fd());
  state_->link = std::make_unique<engine::Link>(std::move(*connection));
}

// A running call ends by itself, within its time limit; its task holds the state.
ConnectionHandle::~ConnectionHandle() = default;

std::unique_ptr<engine::Link> ConnectionHandle::take(const Napi::Value& value) {
  if (!value.IsObject()) return nullptr;
  State& state = *Unwrap(value.As<Napi::Object>())->state_;
  if (state.busy) return nullptr;
  state.cancel.reset();
  return std::move(state.link);
}

Napi::Value ConnectionHandle::record(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("tx", tls::placement_name(report_.tx));
  object.Set("rx", tls::placement_name(report_.rx));
  object.Set("reason", report_.reason);
  return object;
}

Napi::Value ConnectionHandle::far(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), far_);
}

Napi::Value ConnectionHandle::hello(const Napi::CallbackInfo& info) {
  auto answer = std::make_shared<wire::HelloOk>();
  return start(
      info.Env(), "ktls-hello", info[1],
      [offer = to_hello(info[0].As<Napi::Object>()), answer](engine::Link& link,
                                                             const engine::Patience& patience) {
        Result<wire::HelloOk> received = engine::offer(link, offer, patience);
        if (!received.ok()) return std::move(received).status();
        *answer = *received;
        return Status();
      },
      [answer](Napi::Env env) { return from_hello_ok(env, *answer); });
}

Napi::Value ConnectionHandle::read_hello(const Napi::CallbackInfo& info) {
  auto hello = std::make_shared<wire::Hello>();
  return start(
      info.Env(), "ktls-hello", info[0],
      [hello](engine::Link& link, const engine::Patience& patience) {
        Result<wire::Hello> received = engine::await_offer(link, patience);
        if (!received.ok()) return std::move(received).status();
        *hello = std::move(*received);
        return Status();
      },
      [hello](Napi::Env env) { return from_hello(env, *hello); });
}

Napi::Value ConnectionHandle::accept(const Napi::CallbackInfo& info) {
  return start(
      info.Env(), "ktls-hello", info[1],
      [answer = to_hello_ok(info[0].As<Napi::Object>())](engine::Link& link,
                                                         const engine::Patience& patience) {
        return engine::accept(link, answer, patience);
      },
      [](Napi::Env env) { return env.Undefined(); });
}

Napi::Value ConnectionHandle::refuse(const Napi::CallbackInfo& info) {
  Code code = code_by_name(info[0].As<Napi::String>().Utf8Value());
  Status reason =
      Status::fail(code == Code::ok ? Code::refused : code, info[1].As<Napi::String>().Utf8Value());
  return start(
      info.Env(), "ktls-refuse", info[2],
      [reason, state = state_](engine::Link& link, const engine::Patience& patience) {
        engine::say_error(link, reason, patience);
        return Status();
      },
      [state = state_](Napi::Env env) {
        release(*state);
        return env.Undefined();
      });
}

// Whatever holds a descriptor: JavaScript may collect the object long afterwards.
void ConnectionHandle::release(State& state) {
  state.link.reset();
  state.cancel.reset();
}

void ConnectionHandle::close(const Napi::CallbackInfo&) {
  if (!state_->cancel) return;
  state_->cancel->set();
  // A running call still uses the link; its end releases it.
  if (!state_->busy) release(*state_);
}

Napi::Value ConnectionHandle::start(Napi::Env env, const char* name, const Napi::Value& timeout_ms, Call call,
                                    Task::Convert convert) {
  if (!state_->link || state_->busy) {
    throw_error(env, Status::fail(Code::invalid_option, "the connection is closed, taken, or busy"));
    return env.Undefined();
  }
  state_->busy = true;
  std::chrono::milliseconds limit(static_cast<int64_t>(timeout_ms.As<Napi::Number>().DoubleValue()));
  return Task::run(
      env, name, state_->cancel,
      [state = state_, call = std::move(call), limit](const Task::Post&) {
        Status status = call(*state->link, {*state->cancel, limit});
        // Nothing was idle here: the peer had so long to say one thing.
        if (!status.is(Code::idle_timeout)) return status;
        return Status::fail(Code::handshake_timeout,
                            "the peer did not answer HELLO within " + std::to_string(limit.count()) + " ms");
      },
      [state = state_, convert = std::move(convert)](Napi::Env env) { return convert(env); },
      [state = state_] {
        state->busy = false;
        if (state->cancel && state->cancel->is_set()) release(*state);
      });
}

}  // namespace ktls::napi

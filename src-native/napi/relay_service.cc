#include "napi/addon.h"
#include "napi/error.h"
#include "napi/relay.h"

namespace ktls::napi {

struct RelayService::Ended {
  uint64_t ticket;
  relay::Outcome outcome;
};

RelayService* RelayService::of(Napi::Env env) {
  auto* data = env.GetInstanceData<AddonData>();
  if (data->relays) return data->relays.get();
  auto engine = relay::Engine::create(relay::kDefaultThreads);
  if (!engine.ok()) {
    throw_error(env, engine.status());
    return nullptr;
  }
  std::shared_ptr<RelayService> service(new RelayService(std::move(*engine)));
  if (napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "ktls-relay"), 0, 1,
                                      nullptr, nullptr, service.get(), on_loop,
                                      &service->function_) != napi_ok) {
    throw_error(env, Status::fail(Code::unsupported, "the environment is going: no relay can be started"));
    return nullptr;
  }
  napi_unref_threadsafe_function(env, service->function_);
  // Hooks run in the reverse order: this one before the function's own, so that the threads are
  // joined while the function can still be called.
  napi_add_env_cleanup_hook(env, on_environment_exit, service.get());
  data->relays = service;
  return service.get();
}

uint64_t RelayService::start(Napi::Env env, relay::RelayEnd a, relay::RelayEnd b,
                             const relay::Options& options, std::shared_ptr<relay::Gauges> gauges,
                             Napi::Function callback) {
  if (callbacks_.empty()) napi_ref_threadsafe_function(env, function_);
  const uint64_t ticket = next_ticket_++;
  callbacks_.emplace(ticket, Napi::Persistent(callback));
  return engine_->start(
      std::move(a), std::move(b), options, std::move(gauges), [this, ticket](relay::Outcome outcome) {
        auto* ended = new Ended{ticket, std::move(outcome)};
        if (napi_call_threadsafe_function(function_, ended, napi_tsfn_blocking) != napi_ok) {
          delete ended;
        }
      });
}

void RelayService::abort(uint64_t id) { engine_->abort(id); }

void RelayService::on_ended(Napi::Env env, const Ended& ended) {
  auto node = callbacks_.extract(ended.ticket);
  if (callbacks_.empty()) napi_unref_threadsafe_function(env, function_);
  const auto& [status, side] = ended.outcome;
  const napi_value error = status.ok() ? env.Undefined() : to_error(env, status);
  Napi::Value where = env.Undefined();
  if (side) where = Napi::String::New(env, *side == relay::Side::a ? "a" : "b");
  node.mapped().Call({error, where});
}

void RelayService::on_loop(napi_env raw_env, napi_value, void* context, void* data) {
  std::unique_ptr<Ended> ended(static_cast<Ended*>(data));
  if (raw_env == nullptr) return;  // the environment is going: nobody is left to tell
  Napi::Env env(raw_env);
  Napi::HandleScope scope(env);
  static_cast<RelayService*>(context)->on_ended(env, *ended);
}

void RelayService::on_environment_exit(void* service) {
  static_cast<RelayService*>(service)->engine_.reset();
}

}  // namespace ktls::napi

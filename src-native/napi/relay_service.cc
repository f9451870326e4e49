#include "napi/addon.h"
#include "napi/error.h"
#include "napi/relay.h"

namespace ktls::napi {

RelayService::RelayService(std::unique_ptr<relay::Engine> engine)
    : engine_(std::move(engine)),
      ended_([this](Napi::Env env, const Ended& ended) { on_ended(env, ended); },
             [this] { engine_.reset(); }) {}

RelayService* RelayService::of(Napi::Env env) {
  auto* data = env.GetInstanceData<AddonData>();
  if (data->relays) return data->relays.get();
  auto engine = relay::Engine::create(relay::kDefaultThreads);
  if (!engine.ok()) {
    throw_error(env, engine.status());
    return nullptr;
  }
  std::shared_ptr<RelayService> service(new RelayService(std::move(*engine)));
  if (!service->ended_.open(env, "ktls-relay")) {
    throw_error(env, Status::fail(Code::unsupported, "the environment is going: no relay can be started"));
    return nullptr;
  }
  data->relays = service;
  return service.get();
}

uint64_t RelayService::start(Napi::Env env, relay::RelayEnd a, relay::RelayEnd b,
                             const relay::Options& options, std::shared_ptr<relay::Gauges> gauges,
                             Napi::Function callback) {
  ended_.expect(env);
  const uint64_t ticket = next_ticket_++;
  callbacks_.emplace(ticket, Napi::Persistent(callback));
  return engine_->start(std::move(a), std::move(b), options, std::move(gauges),
                        [this, ticket](relay::Outcome outcome) {
                          ended_.post({ticket, std::move(outcome)});
                        });
}

void RelayService::abort(uint64_t id) { engine_->abort(id); }

void RelayService::on_ended(Napi::Env env, const Ended& ended) {
  auto node = callbacks_.extract(ended.ticket);
  const auto& [status, side] = ended.outcome;
  const napi_value error = status.ok() ? env.Undefined() : to_error(env, status);
  Napi::Value where = env.Undefined();
  if (side) where = Napi::String::New(env, *side == relay::Side::a ? "a" : "b");
  node.mapped().Call({error, where});
}

}  // namespace ktls::napi

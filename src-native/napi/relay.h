// The relays of one environment: an engine, and the way back to JavaScript when a relay has ended.
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_map>

#include "napi/loop_queue.h"
#include "relay/engine.h"

namespace ktls::napi {

// Made at the first relay. It keeps the event loop alive while a relay runs, and ends them all when
// the environment goes.
class RelayService {
 public:
  // Null, with an exception pending, when threads cannot be made.
  static RelayService* of(Napi::Env env);

  // `callback(error | undefined, 'a' | 'b' | undefined)` is called once, later, when it has ended.
  uint64_t start(Napi::Env env, relay::RelayEnd a, relay::RelayEnd b, const relay::Options& options,
                 std::shared_ptr<relay::Gauges> gauges, Napi::Function callback);
  void abort(uint64_t id);
  relay::Engine& engine() { return *engine_; }

 private:
  struct Ended {
    uint64_t ticket;
    relay::Outcome outcome;
  };

  explicit RelayService(std::unique_ptr<relay::Engine> engine);

  void on_ended(Napi::Env env, const Ended& ended);

  std::unique_ptr<relay::Engine> engine_;
  LoopQueue<Ended> ended_;
  uint64_t next_ticket_ = 0;
  // By ticket, which is known before the engine's own number is.
  std::unordered_map<uint64_t, Napi::FunctionReference> callbacks_;
};

}  // namespace ktls::napi

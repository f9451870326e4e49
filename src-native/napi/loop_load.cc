#include "napi/loop_load.h"

#include "base/processors.h"

namespace ktls::napi {

namespace {

constexpr uint64_t kPeriod = 100'000'000;
// Then it is looked at anew what there is without help, which takes two periods.
constexpr uint64_t kHelp = 2'000'000'000;

}  // namespace

LoopLoad::State LoopLoad::look() {
  const uint64_t now = uv_hrtime();
  const uint64_t passed = now - since_;
  if (passed < kPeriod) return state_;
  // Node has every loop count it: performance.eventLoopUtilization() is made of it.
  const uint64_t waited = uv_metrics_idle_time(loop_);
  if (since_ == 0) {
    state_ = State::has_time;
  } else if (state_ != State::wants_help) {
    state_ = state_without_help(passed, waited - waited_);
    if (state_ == State::wants_help) helped_since_ = now;
  } else if (waited - waited_ >= passed / 2 || now - helped_since_ >= kHelp) {
    // A loop that is helped is less busy for it.
    state_ = State::has_none;
    processors_idle_.reset();
  }
  since_ = now;
  waited_ = waited;
  return state_;
}

LoopLoad::State LoopLoad::state_without_help(uint64_t passed, uint64_t waited) {
  if (waited >= passed / 20) {
    processors_idle_.reset();
    return State::has_time;
  }
  // Asked only then: on a large machine the answer takes a while.
  const std::optional<uint64_t> idle = idle_processor_time();
  // What counts as waiting for a disk may shrink (proc_stat(5)).
  const bool others_wait = idle && processors_idle_ && *idle >= *processors_idle_ + passed / 2;
  processors_idle_ = idle;
  return others_wait ? State::wants_help : State::has_none;
}

}  // namespace ktls::napi

#include "napi/loop_load.h"

#include "base/processors.h"

namespace ktls::napi {

namespace {

constexpr uint64_t kPeriod = 100'000'000;
// Then it is looked at anew what there would be without help, for a period.
constexpr uint64_t kHelp = 2'000'000'000;

}  // namespace

bool LoopLoad::wants_help() {
  const uint64_t now = uv_hrtime();
  const uint64_t passed = now - since_;
  if (passed < kPeriod) return helped_;
  // Node has every loop count it: performance.eventLoopUtilization() is made of it.
  const uint64_t waited = uv_metrics_idle_time(loop_);
  const bool first = since_ == 0;
  const bool was_helped = helped_;
  if (first) {
    helped_ = false;
  } else if (was_helped) {
    // A loop that is helped is less busy for it.
    helped_ = waited - waited_ < passed / 2 && now - helped_since_ < kHelp;
  } else {
    helped_ = is_worth_helping(passed, waited - waited_);
    if (helped_) helped_since_ = now;
  }
  if (helped_ || was_helped) processors_idle_.reset();
  since_ = now;
  waited_ = waited;
  return helped_;
}

bool LoopLoad::is_worth_helping(uint64_t passed, uint64_t waited) {
  if (waited >= passed / 20) {
    processors_idle_.reset();
    return false;
  }
  // Asked only then: on a large machine the answer takes a while.
  const std::optional<uint64_t> idle = idle_processor_time();
  const bool worth = idle && processors_idle_ && *idle - *processors_idle_ >= passed / 4 * 3;
  processors_idle_ = idle;
  return worth;
}

}  // namespace ktls::napi

// How busy an event loop is.
#pragma once

#include <uv.h>

#include <cstdint>

namespace ktls::napi {

// Of its loop's thread alone.
class LoopLoad {
 public:
  explicit LoopLoad(uv_loop_t* loop) : loop_(loop) {}

  // From when it waited for less than a twentieth of a tenth of a second, until it waits for half of one:
  // what is done about it makes it less busy.
  bool is_saturated() {
    constexpr uint64_t kPeriod = 100'000'000;
    const uint64_t now = uv_hrtime();
    const uint64_t passed = now - since_;
    if (passed < kPeriod) return saturated_;
    // Node has every loop count it: performance.eventLoopUtilization() is made of it.
    const uint64_t idle = uv_metrics_idle_time(loop_);
    saturated_ = since_ != 0 && idle - idle_ < (saturated_ ? passed / 2 : passed / 20);
    since_ = now;
    idle_ = idle;
    return saturated_;
  }

 private:
  uv_loop_t* const loop_;
  uint64_t since_ = 0;  // nanoseconds, as idle_
  uint64_t idle_ = 0;
  bool saturated_ = false;
};

}  // namespace ktls::napi

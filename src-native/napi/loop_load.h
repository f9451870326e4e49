// How busy an event loop is, and whether others could do a part of its work.
#pragma once

#include <uv.h>

#include <cstdint>
#include <optional>

namespace ktls::napi {

// Of its loop's thread alone.
class LoopLoad {
 public:
  explicit LoopLoad(uv_loop_t* loop) : loop_(loop) {}

  enum class State : uint8_t {
    has_time,
    has_none,
    // Other threads should do what the loop's own could: it has no time left, and the processors have.
    // Handing work over costs a third of what sending a short file does, which is lost where nobody was idle.
    wants_help,
  };

  State look();

 private:
  // Of the period that ends now.
  State state_without_help(uint64_t passed, uint64_t waited);

  uv_loop_t* const loop_;
  uint64_t since_ = 0;   // when this period began, in nanoseconds, as are all
  uint64_t waited_ = 0;  // by the loop, until then
  // Where the loop had no time in the last period: what the processors had until then.
  std::optional<uint64_t> processors_idle_;
  State state_ = State::has_time;
  uint64_t helped_since_ = 0;
};

}  // namespace ktls::napi

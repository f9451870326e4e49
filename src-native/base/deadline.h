// A point on the monotonic clock after which waiting ends.
#pragma once

#include <chrono>
#include <climits>

namespace ktls {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline never() { return Deadline(Clock::time_point::max()); }
  static Deadline until(Clock::time_point at) { return Deadline(at); }
  static Deadline in(std::chrono::milliseconds span) { return Deadline(Clock::now() + span); }
  static Deadline earlier(Deadline one, Deadline other) { return one.at_ < other.at_ ? one : other; }

  bool passed() const { return at_ != Clock::time_point::max() && Clock::now() >= at_; }
  // What poll(2) takes: -1 for never, else milliseconds, rounded up so that a wake-up is not early.
  int poll_timeout() const {
    if (at_ == Clock::time_point::max()) return -1;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - Clock::now()).count();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : static_cast<int>(left);
  }
  Clock::time_point at() const { return at_; }

 private:
  explicit Deadline(Clock::time_point at) : at_(at) {}

  Clock::time_point at_;
};

}  // namespace ktls

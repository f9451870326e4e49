// Something that is to be done again and again while other threads are busy: a thread that does it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/status.h"

namespace ktls::engine {

class Pulse {
 public:
  Pulse() = default;
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;
  ~Pulse() { stop(); }

  // Calls `beat` every `interval`, on a thread of its own, until stop().
  Status start(std::chrono::milliseconds interval, std::function<void()> beat);
  // When it returns, `beat` is not called any more.
  void stop();

 private:
  std::thread thread_;
  std::mutex mutex_;  // guards stopped_
  std::condition_variable changed_;
  bool stopped_ = false;
};

}  // namespace ktls::engine

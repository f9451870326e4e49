#include "engine/pulse.h"

#include "base/thread.h"

namespace ktls::engine {

Status Pulse::start(std::chrono::milliseconds interval, std::function<void()> beat) {
  Result<std::thread> thread = start_thread("ktls-pulse", [this, interval, beat = std::move(beat)] {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, interval, [this] { return stopped_; })) {
      lock.unlock();
      beat();
      lock.lock();
    }
  });
  if (!thread.ok()) return std::move(thread).status();
  thread_ = std::move(*thread);
  return Status();
}

void Pulse::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

}  // namespace ktls::engine

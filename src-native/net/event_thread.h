// A thread at an epoll instance: what it waits for, and what other threads ask it to do.
#pragma once

#include <sys/epoll.h>

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/status.h"

namespace ktls::net {

class EventThread {
 public:
  using Command = std::function<void()>;

  EventThread() = default;
  EventThread(const EventThread&) = delete;
  EventThread& operator=(const EventThread&) = delete;

  // Once. `run` calls wait() until stopping().
  Status start(const char* name, std::function<void()> run);
  // From another thread: runs what was posted before, then has the thread leave its loop, and joins it.
  // Nothing happens where none was started.
  void stop();
  // From any thread: runs on this one, in the order of the calls.
  void post(Command command);

  // The rest is for the thread itself.
  bool stopping() const { return stopping_; }
  // Up to `timeout` milliseconds, for ever if negative. Calls `on_event(data, events)` for each descriptor
  // that is ready, with what watch() was given, and runs what was posted.
  template <typename OnEvent>
  void wait(int timeout, OnEvent&& on_event) {
    epoll_event events[kEventsPerRound];
    const int count = epoll_wait(epoll_.get(), events, kEventsPerRound, timeout);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr != nullptr) {
        on_event(events[i].data.ptr, events[i].events);
      } else {
        run_commands();
      }
    }
  }
  // epoll_ctl(2); false where it failed: errno says why. `data` is not null.
  bool watch(int operation, int fd, uint32_t events, void* data);

 private:
  static constexpr int kEventsPerRound = 256;

  void run_commands();

  Fd epoll_;
  Fd wake_;
  std::thread thread_;
  bool stopping_ = false;

  std::mutex mutex_;  // guards commands_
  std::vector<Command> commands_;
};

}  // namespace ktls::net

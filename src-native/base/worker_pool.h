// A few threads for short work that may wait for a disk, however much of it there is at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"

namespace ktls {

class WorkerPool {
 public:
  using Work = std::function<void()>;

  // Threads called `name` (start_thread() says how long that may be) are made as they are needed, `most` of
  // them, and stay.
  WorkerPool(const char* name, size_t most) : name_(name), most_(most) {}
  // What has begun is waited for; what has not is dropped.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Begun in the order of the calls, which come from one thread. Fails where not a single thread can be made.
  Status post(Work work);

 private:
  void run();

  const char* const name_;
  const size_t most_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Work> queue_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace ktls

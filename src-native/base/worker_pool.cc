#include "base/worker_pool.h"

#include "base/thread.h"

namespace ktls {

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Status WorkerPool::post(Work work) {
  std::unique_lock lock(mutex_);
  if (idle_ <= queue_.size() && threads_.size() < most_) {
    Result<std::thread> thread = start_thread(name_, [this] { run(); });
    if (thread.ok()) {
      threads_.push_back(std::move(*thread));
    } else if (threads_.empty()) {
      return std::move(thread).status();
    }
  }
  queue_.push_back(std::move(work));
  lock.unlock();
  changed_.notify_one();
  return {};
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (stopping_) return;
    const Work work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace ktls

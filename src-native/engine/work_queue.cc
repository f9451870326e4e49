#include "engine/work_queue.h"

#include <algorithm>

namespace ktls::engine {

namespace {

// The cancel flag does not wake a condition variable: waits are cut so that it is seen soon.
constexpr std::chrono::milliseconds kGlance{20};

}  // namespace

bool WorkQueue::push(fs::Batch batch) {
  std::unique_lock lock(mutex_);
  while (batches_.size() >= kMaxBatches && !cancel_.is_set()) changed_.wait_for(lock, kGlance);
  if (cancel_.is_set()) return false;
  batches_.push_back(std::move(batch));
  lock.unlock();
  changed_.notify_all();
  return true;
}

void WorkQueue::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

void WorkQueue::share(std::shared_ptr<BlockSource> file) {
  {
    std::lock_guard lock(mutex_);
    files_.push_back(std::move(file));
  }
  changed_.notify_all();
}

WorkQueue::Work WorkQueue::next(std::chrono::milliseconds wait, const fs::Directory* last) {
  auto end = std::chrono::steady_clock::now() + wait;
  std::unique_lock lock(mutex_);
  for (;;) {
    std::erase_if(files_, [](const auto& file) { return file->all_taken(); });
    if (!files_.empty()) return files_.front();
    if (!batches_.empty()) {
      auto reach = batches_.begin() + static_cast<ptrdiff_t>(std::min(kLookAhead, batches_.size()));
      auto same = std::find_if(batches_.begin(), reach,
                               [last](const fs::Batch& batch) { return batch.directory.get() == last; });
      auto chosen = same == reach ? batches_.begin() : same;
      fs::Batch batch = std::move(*chosen);
      batches_.erase(chosen);
      in_hand_++;
      bool was_full = batches_.size() + 1 == kMaxBatches;
      lock.unlock();
      if (was_full) changed_.notify_all();
      return batch;
    }
    if (closed_ && in_hand_ == 0) return Finished{};
    if (cancel_.is_set() || std::chrono::steady_clock::now() >= end) return Nothing{};
    changed_.wait_for(lock, kGlance);
  }
}

void WorkQueue::done() {
  bool last;
  {
    std::lock_guard lock(mutex_);
    last = --in_hand_ == 0 && closed_ && batches_.empty();
  }
  if (last) changed_.notify_all();
}

}  // namespace ktls::engine

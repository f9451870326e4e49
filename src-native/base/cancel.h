// A flag that stops work at once, wherever it waits.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "base/fd.h"
#include "base/status.h"

namespace ktls {

// Set once, from any thread, never cleared. Whatever blocks polls `fd()` beside its own descriptor.
class Cancel {
 public:
  static Result<std::shared_ptr<Cancel>> create();
  // One that is set with its parent, and can be set without it: what ends one transfer for a reason
  // of its own must not look as if the user had ended it.
  static Result<std::shared_ptr<Cancel>> create_child(const std::shared_ptr<Cancel>& parent);

  void set();
  bool is_set() const { return set_.load(std::memory_order_acquire); }
  // Readable for ever once set.
  int fd() const { return event_.get(); }

 private:
  explicit Cancel(Fd event) : event_(std::move(event)) {}

  std::atomic<bool> set_{false};
  Fd event_;
  std::mutex mutex_;  // guards children_
  std::vector<std::weak_ptr<Cancel>> children_;
};

}  // namespace ktls

#include "base/cancel.h"

#include <errno.h>
#include <sys/eventfd.h>

namespace ktls {

Result<std::shared_ptr<Cancel>> Cancel::create() {
  Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return Status::system("eventfd", errno);
  return std::shared_ptr<Cancel>(new Cancel(std::move(event)));
}

Result<std::shared_ptr<Cancel>> Cancel::create_child(const std::shared_ptr<Cancel>& parent) {
  Result<std::shared_ptr<Cancel>> child = create();
  if (!child.ok()) return child;
  std::lock_guard lock(parent->mutex_);
  parent->children_.push_back(*child);
  if (parent->is_set()) (*child)->set();
  return child;
}

void Cancel::set() {
  if (set_.exchange(true, std::memory_order_acq_rel)) return;
  eventfd_write(event_.get(), 1);
  std::lock_guard lock(mutex_);
  for (const std::weak_ptr<Cancel>& weak : children_) {
    if (std::shared_ptr<Cancel> child = weak.lock()) child->set();
  }
}

}  // namespace ktls

#include "engine/crew.h"

#include "base/thread.h"

namespace ktls::engine {

namespace {

// The cancel flag does not wake a condition variable: waits are cut so that it is seen soon.
constexpr std::chrono::milliseconds kGlance{20};

}  // namespace

Crew::Crew(Session& session, const char* thread_name, Employ employ)
    : session_(session), thread_name_(thread_name), employ_(std::move(employ)) {}

Status Crew::start(std::unique_ptr<Link> first) {
  KTLS_TRY(hire(std::move(first)));
  std::vector<std::unique_ptr<Link>> early;
  {
    std::lock_guard lock(mutex_);
    running_ = true;
    early = std::move(early_);
  }
  for (std::unique_ptr<Link>& link : early) add(std::move(link));
  return Status();
}

void Crew::expect() {
  std::lock_guard lock(mutex_);
  expected_++;
}

void Crew::call_off() {
  {
    std::lock_guard lock(mutex_);
    expected_--;
  }
  changed_.notify_all();
}

void Crew::add(std::unique_ptr<Link> link) {
  {
    std::lock_guard lock(mutex_);
    if (!running_ && !over_) {
      early_.push_back(std::move(link));
      return;
    }
  }
  Status hired = hire(std::move(link));
  if (!hired.ok()) session_.fail(hired);
  call_off();  // expected no longer, but only once it is there
}

Status Crew::hire(std::unique_ptr<Link> link) {
  {
    std::lock_guard lock(mutex_);
    if (over_ || session_.stopped()) return Status();
    Result<std::function<void()>> work = employ_(std::move(link));
    if (!work.ok()) return std::move(work).status();
    Result<std::thread> thread = start_thread(thread_name_, std::move(*work));
    if (!thread.ok()) return std::move(thread).status();
    threads_.push_back(std::move(*thread));
    connected_++;
    working_++;
    used_++;
    if (wanted_ > 0) {
      wanted_--;
      spare_++;
    }
  }
  changed_.notify_all();
  return Status();
}

void Crew::join() {
  std::list<std::thread> ended;
  std::vector<std::unique_ptr<Link>> dropped;
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (connected_ > 0) {
        changed_.wait(lock);
      } else if (expected_ > 0 && running_ && waiting_ && !over_ && !session_.stopped()) {
        changed_.wait_for(lock, kGlance);
      } else {
        break;
      }
    }
    over_ = true;
    ended = std::move(threads_);
    dropped = std::move(early_);
    expected_ -= static_cast<uint32_t>(dropped.size());
  }
  for (std::thread& thread : ended) thread.join();
}

uint32_t Crew::open() const {
  std::lock_guard lock(mutex_);
  return connected_ + expected_;
}

uint32_t Crew::used() const {
  std::lock_guard lock(mutex_);
  return used_;
}

void Crew::leave_connection() {
  {
    std::lock_guard lock(mutex_);
    connected_--;
  }
  changed_.notify_all();
}

bool Crew::leave_work() {
  std::lock_guard lock(mutex_);
  if (--working_ > 0) return false;
  over_ = true;
  return true;
}

bool Crew::others_left() {
  std::unique_lock lock(mutex_);
  if (connected_ > 1) changed_.wait_for(lock, kGlance);
  return connected_ == 1;
}

void Crew::end_waiting() {
  std::lock_guard lock(mutex_);
  waiting_ = false;
}

void Crew::want_replacement() {
  std::lock_guard lock(mutex_);
  wanted_++;
}

bool Crew::replaced() {
  std::unique_lock lock(mutex_);
  if (spare_ == 0) changed_.wait_for(lock, kGlance);
  if (spare_ == 0) return false;
  spare_--;
  return true;
}

}  // namespace ktls::engine

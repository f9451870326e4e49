#include "tls/send_loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/thread.h"

namespace ktls::tls {

namespace {

constexpr int kEventsPerRound = 256;

}  // namespace

SendLoop::SendLoop(Fd epoll, Fd wake)
    : epoll_(std::move(epoll)), wake_(std::move(wake)), buffer_(new uint8_t[kSendBuffer]) {}

Result<std::unique_ptr<SendLoop>> SendLoop::create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return Status::system("epoll_create1", errno);
  Fd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return Status::system("eventfd", errno);
  epoll_event event{EPOLLIN, {}};
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
    return Status::system("epoll_ctl", errno);

  std::unique_ptr<SendLoop> loop(new SendLoop(std::move(epoll), std::move(wake)));
  // A signal is for the program's own threads, and SIGPIPE from sendfile(2) for nobody: the thread
  // inherits a full mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Result<std::thread> thread = start_thread("ktls-send", [raw = loop.get()] { raw->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!thread.ok()) return thread.status();
  loop->thread_ = std::move(*thread);
  return loop;
}

SendLoop::~SendLoop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

void SendLoop::add(uint64_t id, SendJob job, OnEnd on_end) {
  load_.fetch_add(1, std::memory_order_relaxed);
  // std::function copies its target, which a unique_ptr forbids: ownership passes through a raw
  // pointer, and a posted command always runs.
  auto* added = new Entry{id, std::move(job), std::move(on_end)};
  post([this, added] {
    entries_.emplace(added->id, std::unique_ptr<Entry>(added));
    queue(*added);
  });
}

void SendLoop::cancel(uint64_t id) {
  post([this, id] {
    auto found = entries_.find(id);
    if (found == entries_.end()) return;
    found->second->cancelled = true;
    queue(*found->second);
  });
}

void SendLoop::post(Command command) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  // Whoever came first has woken the thread, which then takes all.
  if (first) eventfd_write(wake_.get(), 1);
}

void SendLoop::run() {
  while (!stopping_) {
    wait();
    advance_queued();
  }
  run_commands();
  while (!entries_.empty()) end(*entries_.begin()->second, Status::of(Code::cancelled));
}

void SendLoop::wait() {
  epoll_event events[kEventsPerRound];
  const int count = epoll_wait(epoll_.get(), events, kEventsPerRound, queue_.empty() ? -1 : 0);
  for (int i = 0; i < count; i++) {
    auto* entry = static_cast<Entry*>(events[i].data.ptr);
    if (entry != nullptr) {
      queue(*entry);
    } else {
      run_commands();
    }
  }
}

void SendLoop::run_commands() {
  eventfd_t ignored;
  eventfd_read(wake_.get(), &ignored);
  std::vector<Command> commands;
  {
    std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (Command& command : commands) command();
}

void SendLoop::advance_queued() {
  std::vector<Entry*> round;
  round.swap(queue_);
  for (Entry* entry : round) {
    entry->queued = false;
    if (entry->cancelled) {
      entry->job.cancel();
      end(*entry, Status::of(Code::cancelled));
      continue;
    }
    Status status = entry->job.advance({buffer_.get(), kSendBuffer});
    if (entry->job.ended()) {
      end(*entry, status);
    } else if (status.ok()) {
      queue(*entry);
    } else if (!watch(*entry)) {
      end(*entry, Status::system("epoll_ctl", errno));
    }
  }
}

bool SendLoop::watch(Entry& entry) {
  if (entry.watched) return true;
  // Edge-triggered: send(2) has just said that there is no room, so room is an edge.
  epoll_event event{EPOLLOUT | EPOLLET, {&entry}};
  entry.watched = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, entry.job.fd(), &event) == 0;
  return entry.watched;
}

void SendLoop::queue(Entry& entry) {
  if (entry.queued) return;
  entry.queued = true;
  queue_.push_back(&entry);
}

void SendLoop::end(Entry& entry, const Status& status) {
  if (entry.watched) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.job.fd(), nullptr);
  auto node = entries_.extract(entry.id);
  const OnEnd on_end = std::move(entry.on_end);
  node.mapped().reset();
  load_.fetch_sub(1, std::memory_order_relaxed);
  on_end(status);
}

}  // namespace ktls::tls

#include "relay/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>

namespace ktls::relay {

namespace {

constexpr int kEventsPerRound = 256;

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return Status::system("epoll_create1", errno);
  Fd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return Status::system("eventfd", errno);
  epoll_event event{EPOLLIN, {}};
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
    return Status::system("epoll_ctl", errno);

  std::unique_ptr<Loop> loop(new Loop(std::move(epoll), std::move(wake)));
  // A signal is for the program's own threads, and SIGPIPE from splice(2) for nobody: the thread
  // inherits a full mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  loop->thread_ = std::thread([raw = loop.get()] { raw->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(loop->thread_.native_handle(), "ktls-relay");
  return loop;
}

Loop::~Loop() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

void Loop::add(uint64_t id, std::unique_ptr<Relay> relay, Sockmap* sockmap, Status refusal) {
  load_.fetch_add(1, std::memory_order_relaxed);
  // std::function copies its target, which a unique_ptr forbids: ownership passes through a raw
  // pointer, and a posted command always runs.
  auto* entry = new Entry{id, std::move(relay)};
  post([this, entry, sockmap, refusal] { begin(std::unique_ptr<Entry>(entry), sockmap, refusal); });
}

void Loop::abort(uint64_t id) {
  post([this, id] {
    auto found = entries_.find(id);
    if (found == entries_.end()) return;
    found->second->relay->fail(Status::of(Code::cancelled), std::nullopt);
    queue(*found->second);
  });
}

void Loop::post(Command command) {
  {
    std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  eventfd_write(wake_.get(), 1);
}

void Loop::run() {
  while (!stopping_) {
    wait();
    fire_timers();
    advance_queued();
    buried_.clear();
  }
  run_commands();
  for (auto& [id, entry] : entries_) entry->relay->fail(Status::of(Code::cancelled), std::nullopt);
  while (!entries_.empty()) settle(*entries_.begin()->second);
  buried_.clear();
}

void Loop::wait() {
  int timeout = -1;
  if (!queue_.empty()) {
    timeout = 0;
  } else if (!timers_.empty()) {
    timeout = Deadline::until(timers_.begin()->first).poll_timeout();
  }
  epoll_event events[kEventsPerRound];
  const int count = epoll_wait(epoll_.get(), events, kEventsPerRound, timeout);
  now_ = Clock::now();
  for (int i = 0; i < count; i++) {
    auto* watch = static_cast<Entry::Watch*>(events[i].data.ptr);
    if (!watch) {
      run_commands();
      continue;
    }
    watch->entry->relay->notice(watch->side, events[i].events);
    queue(*watch->entry);
  }
}

void Loop::run_commands() {
  eventfd_t ignored;
  eventfd_read(wake_.get(), &ignored);
  std::vector<Command> commands;
  {
    std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (Command& command : commands) command();
}

void Loop::begin(std::unique_ptr<Entry> entry, Sockmap* sockmap, const Status& refusal) {
  Entry& begun = *entry;
  begun.watches[0] = {&begun, Side::a, 0};
  begun.watches[1] = {&begun, Side::b, 0};
  entries_.emplace(begun.id, std::move(entry));
  begun.relay->start(now_, sockmap, refusal);
  if (!watch(begun, EPOLL_CTL_ADD)) {
    begun.relay->fail(Status::system("epoll_ctl", errno), std::nullopt);
  }
  queue(begun);
}

void Loop::fire_timers() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    Entry& due = *timers_.begin()->second;
    timers_.erase(timers_.begin());
    due.timer = Clock::time_point::max();
    queue(due);
  }
}

void Loop::advance_queued() {
  std::vector<Entry*> round;
  round.swap(queue_);
  for (Entry* entry : round) {
    entry->queued = false;
    const bool more = entry->relay->advance(now_, pools_);
    if (entry->relay->ended()) {
      settle(*entry);
      continue;
    }
    watch(*entry, EPOLL_CTL_MOD);
    arm(*entry);
    if (more) queue(*entry);
  }
}

void Loop::queue(Entry& entry) {
  if (entry.queued || !entry.relay) return;
  entry.queued = true;
  queue_.push_back(&entry);
}

// A relay that moves bytes pushes its idle limit on with each of them. The timer stays where it is
// and finds out when it fires.
void Loop::arm(Entry& entry) {
  const auto at = entry.relay->wake_at();
  if (at >= entry.timer) return;
  timers_.erase({entry.timer, &entry});
  entry.timer = at;
  timers_.insert({at, &entry});
}

bool Loop::watch(Entry& entry, int operation) {
  for (Entry::Watch& each : entry.watches) {
    const uint32_t interest = entry.relay->interest(each.side);
    if (interest == each.interest) continue;
    epoll_event event{interest, {&each}};
    if (epoll_ctl(epoll_.get(), operation, entry.relay->fd(each.side), &event) != 0) return false;
    each.interest = interest;
  }
  return true;
}

void Loop::settle(Entry& entry) {
  for (Entry::Watch& each : entry.watches) {
    if (each.interest != 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.relay->fd(each.side), nullptr);
  }
  timers_.erase({entry.timer, &entry});
  load_.fetch_sub(1, std::memory_order_relaxed);
  entry.relay->settle();
  entry.relay.reset();
  auto node = entries_.extract(entry.id);
  buried_.push_back(std::move(node.mapped()));
}

}  // namespace ktls::relay

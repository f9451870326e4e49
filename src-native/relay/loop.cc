#include "relay/loop.h"

#include <errno.h>
#include <sys/epoll.h>

#include <algorithm>

namespace ktls::relay {

Result<std::unique_ptr<Loop>> Loop::create() {
  std::unique_ptr<Loop> loop(new Loop());
  KTLS_TRY(loop->thread_.start("ktls-relay", [raw = loop.get()] { raw->run(); }));
  return loop;
}

Loop::~Loop() { thread_.stop(); }

void Loop::add(uint64_t id, std::unique_ptr<Relay> relay, Sockmap* sockmap, Status refusal) {
  load_.fetch_add(1, std::memory_order_relaxed);
  // std::function copies its target, which a unique_ptr forbids: ownership passes through a raw
  // pointer, and a posted command always runs.
  auto* entry = new Entry{id, std::move(relay)};
  thread_.post([this, entry, sockmap, refusal] { begin(std::unique_ptr<Entry>(entry), sockmap, refusal); });
}

void Loop::abort(uint64_t id) {
  thread_.post([this, id] {
    auto found = entries_.find(id);
    if (found == entries_.end()) return;
    found->second->relay->fail(Status::of(Code::cancelled), std::nullopt);
    queue(*found->second);
  });
}

void Loop::run() {
  while (!thread_.stopping()) {
    wait();
    fire_timers();
    advance_queued();
  }
  for (auto& [id, entry] : entries_) entry->relay->fail(Status::of(Code::cancelled), std::nullopt);
  while (!entries_.empty()) settle(*entries_.begin()->second);
}

void Loop::wait() {
  int timeout = -1;
  if (!queue_.empty()) {
    timeout = 0;
  } else if (!timers_.empty()) {
    timeout = Deadline::until(timers_.begin()->first).poll_timeout();
  }
  thread_.wait(timeout, [this](void* data, uint32_t events) {
    auto* watch = static_cast<Entry::Watch*>(data);
    watch->entry->relay->notice(watch->side, events);
    queue(*watch->entry);
  });
  now_ = Clock::now();
}

void Loop::begin(std::unique_ptr<Entry> entry, Sockmap* sockmap, const Status& refusal) {
  Entry& begun = *entry;
  begun.watches[0] = {&begun, Side::a, 0};
  begun.watches[1] = {&begun, Side::b, 0};
  entries_.emplace(begun.id, std::move(entry));
  begun.relay->start(Clock::now(), sockmap, refusal);
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
  if (entry.queued) return;
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
    if (!thread_.watch(operation, entry.relay->fd(each.side), interest, &each)) return false;
    each.interest = interest;
  }
  return true;
}

void Loop::settle(Entry& entry) {
  for (Entry::Watch& each : entry.watches) {
    if (each.interest != 0) thread_.watch(EPOLL_CTL_DEL, entry.relay->fd(each.side), 0, &each);
  }
  timers_.erase({entry.timer, &entry});
  load_.fetch_sub(1, std::memory_order_relaxed);
  entry.relay->settle();
  entries_.erase(entry.id);
}

}  // namespace ktls::relay

#include "tls/send_loop.h"

#include <errno.h>
#include <sys/epoll.h>

namespace ktls::tls {

SendLoop::SendLoop() : buffer_(new uint8_t[kSendBuffer]) {}

Result<std::unique_ptr<SendLoop>> SendLoop::create() {
  std::unique_ptr<SendLoop> loop(new SendLoop());
  KTLS_TRY(loop->thread_.start("ktls-send", [raw = loop.get()] { raw->run(); }));
  return loop;
}

SendLoop::~SendLoop() { thread_.stop(); }

void SendLoop::add(uint64_t id, SendJob job, OnEnd on_end) {
  load_.fetch_add(1, std::memory_order_relaxed);
  // std::function copies its target, which a unique_ptr forbids: ownership passes through a raw
  // pointer, and a posted command always runs.
  auto* added = new Entry{id, std::move(job), std::move(on_end)};
  thread_.post([this, added] {
    entries_.emplace(added->id, std::unique_ptr<Entry>(added));
    queue(*added);
  });
}

void SendLoop::cancel(uint64_t id) {
  thread_.post([this, id] {
    auto found = entries_.find(id);
    if (found == entries_.end()) return;
    found->second->cancelled = true;
    queue(*found->second);
  });
}

void SendLoop::run() {
  while (!thread_.stopping()) {
    thread_.wait(queue_.empty() ? -1 : 0,
                 [this](void* data, uint32_t) { queue(*static_cast<Entry*>(data)); });
    advance_queued();
  }
  while (!entries_.empty()) end(*entries_.begin()->second, Status::of(Code::cancelled));
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
  entry.watched = thread_.watch(EPOLL_CTL_ADD, entry.job.fd(), EPOLLOUT | EPOLLET, &entry);
  return entry.watched;
}

void SendLoop::queue(Entry& entry) {
  if (entry.queued) return;
  entry.queued = true;
  queue_.push_back(&entry);
}

void SendLoop::end(Entry& entry, const Status& status) {
  if (entry.watched) thread_.watch(EPOLL_CTL_DEL, entry.job.fd(), 0, &entry);
  auto node = entries_.extract(entry.id);
  const OnEnd on_end = std::move(entry.on_end);
  node.mapped().reset();
  load_.fetch_sub(1, std::memory_order_relaxed);
  on_end(status);
}

}  // namespace ktls::tls

// One thread with an epoll instance, advancing any number of send jobs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "net/event_thread.h"
#include "tls/send_job.h"

namespace ktls::tls {

class SendLoop {
 public:
  // Called once for each job, on the loop's thread, when nothing of the job is left.
  using OnEnd = std::function<void(const Status& status)>;

  static Result<std::unique_ptr<SendLoop>> create();
  // Cancels every job that still runs, then joins the thread.
  ~SendLoop();

  // From any thread. `id` is the caller's, and never used twice.
  void add(uint64_t id, SendJob job, OnEnd on_end);
  // From any thread: the job ends with Code::cancelled, unless it has ended already.
  void cancel(uint64_t id);
  // Jobs added and not yet ended.
  size_t load() const { return load_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    uint64_t id;
    SendJob job;
    OnEnd on_end;
    bool watched = false;
    bool queued = false;
    bool cancelled = false;
  };

  SendLoop();

  void run();
  void advance_queued();
  // False when the descriptor cannot be watched: errno says why.
  bool watch(Entry& entry);
  void queue(Entry& entry);
  void end(Entry& entry, const Status& status);

  net::EventThread thread_;
  std::atomic<size_t> load_{0};

  // Of the loop's thread alone.
  const std::unique_ptr<uint8_t[]> buffer_;
  std::unordered_map<uint64_t, std::unique_ptr<Entry>> entries_;
  std::vector<Entry*> queue_;
};

}  // namespace ktls::tls

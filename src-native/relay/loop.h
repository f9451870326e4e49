// One thread with an epoll instance, carrying any number of relays.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "net/event_thread.h"
#include "relay/relay.h"

namespace ktls::relay {

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> create();
  // Ends every relay that still runs, by a reset; their on_end is called with `cancelled`.
  ~Loop();

  // From any thread. `id` is the caller's, and never used twice. `sockmap` must outlive the loop.
  void add(uint64_t id, std::unique_ptr<Relay> relay, Sockmap* sockmap, Status refusal);
  // From any thread; nothing happens when it has ended already.
  void abort(uint64_t id);
  // Relays added and not yet ended.
  size_t load() const { return load_.load(std::memory_order_relaxed); }

 private:
  using Clock = Deadline::Clock;

  // A relay and what the loop notes about it. Epoll points to its watches.
  struct Entry {
    struct Watch {
      Entry* entry;
      Side side;
      uint32_t interest;
    };

    uint64_t id;
    std::unique_ptr<Relay> relay;
    Watch watches[2];
    bool queued = false;
    Clock::time_point timer = Clock::time_point::max();
  };

  Loop() = default;

  void run();
  void begin(std::unique_ptr<Entry> entry, Sockmap* sockmap, const Status& refusal);
  void wait();
  void fire_timers();
  void advance_queued();
  void queue(Entry& entry);
  void arm(Entry& entry);
  bool watch(Entry& entry, int operation);
  void settle(Entry& entry);

  net::EventThread thread_;
  std::atomic<size_t> load_{0};

  // Of the loop's thread alone.
  Clock::time_point now_{};
  Pools pools_;
  std::unordered_map<uint64_t, std::unique_ptr<Entry>> entries_;
  std::vector<Entry*> queue_;
  std::set<std::pair<Clock::time_point, Entry*>> timers_;
};

}  // namespace ktls::relay

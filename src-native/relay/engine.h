// All relays of one environment, on a few threads.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "relay/loop.h"

namespace ktls::relay {

inline constexpr unsigned kDefaultThreads = 2;

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> create(unsigned threads);
  // Aborts what runs, then joins the threads.
  ~Engine() = default;

  // Both sockets are the engine's from now on. `on_end` is called once, on a thread of the engine.
  // Returns what abort() takes.
  uint64_t start(RelayEnd a, RelayEnd b, const Options& options, std::shared_ptr<Gauges> gauges,
                 Relay::OnEnd on_end);
  void abort(uint64_t id);

  // Why a sockmap cannot be had here; ok when it can. Loads it at the first call.
  Status try_sockmap();
  // Sockets that are in a sockmap now.
  size_t sockmap_entries();

 private:
  Engine() = default;

  std::mutex mutex_;  // guards sockmap_ and refusal_, which are set once
  std::unique_ptr<Sockmap> sockmap_;
  Status refusal_;
  std::atomic<uint64_t> next_id_{0};
  // Last, so that the threads are gone before what they use.
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace ktls::relay

// One direction of a relay that the kernel moves by a sockmap: what is left to do is to watch it.
#pragma once

#include <optional>

#include "base/deadline.h"
#include "relay/end.h"
#include "relay/mode.h"
#include "relay/sockmap.h"

namespace ktls::relay {

class MappedDirection {
 public:
  using Clock = Deadline::Clock;

  // Where user space stands in both streams: bytes it has read from the source, and written to the sink.
  // To be found before either socket is in a map; from then on the kernel's answer means something else.
  struct Start {
    uint64_t read;
    uint64_t written;
  };

  // Hands the direction to the kernel. sockmap_unavailable leaves both sockets as they were.
  static Result<MappedDirection> connect(Sockmap& sockmap, int source, int sink, const Start& start,
                                         Gauge& gauge);

  // Counts what arrived and what the far peer acknowledged. True when the source has ended, all of
  // it is acknowledged, and the sink was told; never earlier, or the tail would be cut off.
  // relay_backlog when the difference is above `limit`; integrity when the kernel sent bytes twice, or keeps
  // some to itself; ECONNRESET when the sink was reset.
  Result<bool> check(Clock::time_point now, uint64_t limit);
  Clock::time_point check_at() const { return check_at_; }

 private:
  MappedDirection(int source, int sink, const Start& start, Gauge& gauge)
      : source_(source), sink_(sink), start_(start), gauge_(&gauge) {}

  int source_;
  int sink_;
  Start start_;
  Gauge* gauge_;
  // What check() saw last.
  uint64_t arrived_ = 0;
  uint64_t delivered_ = 0;
  // Since when bytes have arrived that are neither delivered nor under way.
  std::optional<Clock::time_point> kept_since_;
  bool finishing_ = false;
  std::chrono::milliseconds interval_{10};
  Clock::time_point check_at_{};
};

}  // namespace ktls::relay

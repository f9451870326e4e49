// Two ends and the two directions between them, from start to end. Lives on one loop's thread.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/deadline.h"
#include "relay/direction.h"
#include "relay/mapped_direction.h"
#include "relay/sockmap.h"

namespace ktls::relay {

struct RelayEnd {
  std::unique_ptr<End> end;
  // Read from the socket before it came here: sent first.
  std::vector<uint8_t> initial;
};

struct Outcome {
  Status status;
  // The side on which a failure was met.
  std::optional<Side> side;
};

class Relay {
 public:
  using Clock = Deadline::Clock;
  using OnEnd = std::function<void(Outcome)>;

  Relay(RelayEnd a, RelayEnd b, const Options& options, std::shared_ptr<Gauges> gauges, OnEnd on_end);

  // running → ended → settled.
  // `sockmap` is null unless options().mode asks for it; otherwise `refusal` says why there is none.
  void start(Clock::time_point now, Sockmap* sockmap, const Status& refusal);
  // What epoll reported for one side.
  void notice(Side side, uint32_t events);
  // Moves what can be moved; true when there is more to do at once.
  bool advance(Clock::time_point now, Pools& pools);
  // When advance() must be called though no event comes; time_point::max() for never.
  Clock::time_point wake_at() const;
  // Ends it early: both peers will see a reset.
  void fail(Status status, std::optional<Side> side);
  bool ended() const { return ended_; }
  // Closes both sockets and tells on_end. Precondition: ended(), and epoll no longer knows the
  // sockets: others may hold duplicates, which would go on being reported.
  void settle();

  const Options& options() const { return options_; }
  int fd(Side side) const { return end(side).fd(); }
  // What epoll is to report for one side. Where the kernel moves the bytes, only the end of them:
  // waking up for each segment would cost what the sockmap saves.
  uint32_t interest(Side side) const;

 private:
  struct Half {
    Half(End& source, End& sink, std::vector<uint8_t> initial, Gauge& gauge)
        : pumped(source, sink, std::move(initial), gauge) {}

    Direction pumped;
    // The kernel is to move this direction as soon as user space has nothing of it in its hands.
    bool to_be_mapped = false;
    // Positions before the first byte that passes here, what was read before the relay included.
    MappedDirection::Start start{};
    // Set once the kernel moves this direction by itself.
    std::optional<MappedDirection> mapped;
    bool done = false;
  };

  void fall_back_or_fail(const Status& refusal);
  Status find_start(Side source);
  void connect_by_sockmap(Side source);
  bool advance_half(Side source, Clock::time_point now, Pools& pools);
  Status pending_error(Side side);
  void check_time(Clock::time_point now);
  bool is_idle(Clock::time_point now) const;

  const End& end(Side side) const { return side == Side::a ? *a_ : *b_; }
  End& end(Side side) { return side == Side::a ? *a_ : *b_; }
  const Half& half(Side source) const { return source == Side::a ? from_a_ : from_b_; }
  Half& half(Side source) { return source == Side::a ? from_a_ : from_b_; }
  Gauge& gauge(Side source) { return source == Side::a ? gauges_->a_to_b : gauges_->b_to_a; }

  Options options_;
  std::shared_ptr<Gauges> gauges_;
  OnEnd on_end_;
  std::unique_ptr<End> a_;
  std::unique_ptr<End> b_;
  Half from_a_;
  Half from_b_;
  Sockmap* sockmap_ = nullptr;
  bool noticed_ = false;
  bool ended_ = false;
  Outcome outcome_;
  Clock::time_point started_{};
  Clock::time_point last_moved_{};
  uint64_t moved_ = 0;
};

inline Side other(Side side) { return side == Side::a ? Side::b : Side::a; }

}  // namespace ktls::relay

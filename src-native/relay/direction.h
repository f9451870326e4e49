// One direction of a relay, moved by user space: bytes of the source go to the sink, in order, and
// the source's end becomes the sink's.
#pragma once

#include <vector>

#include "relay/end.h"
#include "relay/policy.h"
#include "relay/pool.h"

namespace ktls::relay {

class Direction {
 public:
  enum class Step : uint8_t {
    waiting,   // for epoll: the source is empty or the sink full
    more,      // there is more to do, but others are to have their turn
    finished,  // the source has ended, and the sink knows
  };

  // `initial` was read from the source before and goes first.
  Direction(End& source, End& sink, std::vector<uint8_t> initial, Gauge& gauge);

  // From now on in the mode that `asked` allows.
  void set_mode(Mode asked);
  // True when nothing is in flight and the last read found no more: no segment is half read.
  bool is_at_rest() const { return initial_.empty() && !buffer_ && !pipe_ && !source_.readable; }

  size_t initial_size() const { return initial_.size(); }

  // Moves what can be moved without waiting, up to a turn's share.
  Result<Step> pump(Pools& pools);

  // Where the last failure of pump() was: at the sink, or else at the source.
  bool failed_at_sink() const { return failed_at_sink_; }

 private:
  Status fetch(Pools& pools);
  Status fetch_by_copy(Pools& pools);
  Status fetch_by_splice(Pools& pools);
  Status deliver(Pools& pools);
  Status deliver_initial();
  Status deliver_buffer(Pools& pools);
  Status deliver_pipe(Pools& pools);

  End& source_;
  End& sink_;
  Gauge& gauge_;
  Policy policy_;

  // In flight, in this order. Never is more fetched while anything is.
  std::vector<uint8_t> initial_;
  size_t initial_sent_ = 0;
  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<Pipe> pipe_;
  size_t in_pipe_ = 0;

  size_t moved_this_turn_ = 0;
  unsigned fetches_this_turn_ = 0;
  bool source_ended_ = false;
  bool finished_ = false;
  bool failed_at_sink_ = false;
};

}  // namespace ktls::relay

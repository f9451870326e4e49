// Copy or splice: what `automatic` picks for one direction, and when it changes its mind.
#pragma once

#include <cstddef>

#include "relay/mode.h"

namespace ktls::relay {

class Policy {
 public:
  // `can_splice`: the kernel holds the record layers of both ends, or there are none.
  Policy(Mode asked, bool can_splice, Gauge& gauge);

  Mode mode() const { return mode_; }
  // One fetch brought `bytes`, in the way it was really done.
  void fetched(Mode how, size_t bytes);
  // There is no pipe for the next fetch: it is copied, though splice was wanted.
  void no_pipe();

 private:
  Gauge* gauge_;
  Mode mode_ = Mode::copy;
  bool fixed_ = false;
  bool without_pipe_ = false;
  // Fetches in a row that spoke for the other mode.
  unsigned votes_ = 0;
};

}  // namespace ktls::relay

#include "relay/policy.h"

namespace ktls::relay {

namespace {

// Measured by the relay's processor time for a message to and fro (npm run bench -- relay --kinds ping
// --message N): at 16 KiB the modes cost the same, at 4 KiB copy costs a tenth to a fifth less, at 32 KiB
// splice costs a sixth less, at 256 KiB two fifths. Between the two sizes nothing changes.
constexpr size_t kBulk = 32 << 10;
constexpr size_t kSmall = 8 << 10;
// A change costs nothing but must not follow every single message.
constexpr unsigned kVotesForSplice = 2;
constexpr unsigned kVotesForCopy = 8;

constexpr const char* kAsked = "asked for";
constexpr const char* kNotYetBulk =
    "copied through a buffer: so far the reads are small, and splice gains nothing on them";
constexpr const char* kBulkSeen = "spliced through a pipe: the reads are large, and no byte is copied";
constexpr const char* kSmallAgain = "copied through a buffer again: the reads became small";
constexpr const char* kUserRecords = "copied: a record layer of this pair is in user space";
constexpr const char* kNoPipe =
    "copied: no pipe of 256 KiB could be had (the user's pipe quota, or the descriptor limit)";

}  // namespace

Policy::Policy(Mode asked, bool can_splice, Gauge& gauge) : gauge_(&gauge) {
  fixed_ = asked != Mode::automatic || !can_splice;
  if (asked == Mode::splice && can_splice) mode_ = Mode::splice;
  gauge_->choose(mode_, asked == mode_ ? kAsked : can_splice ? kNotYetBulk : kUserRecords);
}

void Policy::fetched(Mode how, size_t bytes) {
  if (without_pipe_ && how == Mode::splice) {
    without_pipe_ = false;
    gauge_->choose(mode_, fixed_ ? kAsked : kBulkSeen);
  }
  if (fixed_) return;
  const bool to_splice = mode_ == Mode::copy;
  if (to_splice ? bytes < kBulk : bytes > kSmall) {
    votes_ = 0;
    return;
  }
  if (++votes_ < (to_splice ? kVotesForSplice : kVotesForCopy)) return;
  votes_ = 0;
  without_pipe_ = false;
  mode_ = to_splice ? Mode::splice : Mode::copy;
  gauge_->choose(mode_, to_splice ? kBulkSeen : kSmallAgain);
}

void Policy::no_pipe() {
  without_pipe_ = true;
  gauge_->choose(Mode::copy, kNoPipe);
}

}  // namespace ktls::relay

#include "relay/mapped_direction.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>

#include "relay/tcp_position.h"

namespace ktls::relay {

namespace {

using std::chrono::milliseconds;

// A stalled sink on a fast machine lets a gigabyte a second pile up: a busy direction is looked at
// often. One without traffic costs next to nothing, and a burst is seen at the next look.
constexpr milliseconds kBusyInterval{10};
constexpr milliseconds kQuietInterval{250};
constexpr milliseconds kFirstFinishInterval{1};
constexpr milliseconds kLastFinishInterval{20};
constexpr uint64_t kBusy = 1 << 20;
// The kernel sends what arrives within milliseconds.
constexpr milliseconds kKeptTooLong{5000};

}  // namespace

Result<MappedDirection> MappedDirection::connect(Sockmap& sockmap, int source, int sink, const Start& start,
                                                 Gauge& gauge) {
  KTLS_TRY(sockmap.connect(source, sink));
  gauge.choose(Mode::sockmap, "asked for");
  return MappedDirection(source, sink, start, gauge);
}

Result<bool> MappedDirection::check(Clock::time_point now, uint64_t limit) {
  // In this order: what the sink has acknowledged can only be less than what the source then has.
  auto to = tcp_position(sink_);
  if (!to.ok()) return std::move(to).status();
  auto from = tcp_position(source_);
  if (!from.ok()) return std::move(from).status();

  const uint64_t arrived = from->received - start_.read;
  // Less than before while what user space wrote is not yet acknowledged.
  const uint64_t delivered = to->acknowledged - std::min(to->acknowledged, start_.written);
  const bool busy = arrived - arrived_ >= kBusy;
  const bool keeps = delivered < arrived && delivered == delivered_ && to->nothing_under_way;
  if (!keeps) {
    kept_since_.reset();
  } else if (!kept_since_) {
    kept_since_ = now;
  }
  arrived_ = arrived;
  delivered_ = delivered;
  gauge_->set(Mode::sockmap, delivered);

  if (delivered > arrived) {
    return Status::fail(Code::integrity,
                        "the kernel's sockmap sent bytes twice, as it does when a sender repeats a part of "
                        "what had already arrived: use mode 'auto'");
  }
  if (arrived - delivered > limit) {
    return Status::fail(Code::relay_backlog,
                        "the reader of a sockmap relay fell behind by more than backlogLimit bytes: "
                        "sockmap cannot hold the writer back; use mode 'auto'");
  }
  if (kept_since_ && now - *kept_since_ >= kKeptTooLong) {
    return Status::fail(
        Code::integrity,
        "the kernel's sockmap keeps bytes that arrived, as it does when the first that it took "
        "came with what had arrived before: use mode 'auto'");
  }
  if (from->peer_finished && delivered >= arrived) {
    if (shutdown(sink_, SHUT_WR) != 0 && errno != ENOTCONN) return Status::system("shutdown", errno);
    check_at_ = Clock::time_point::max();
    return true;
  }
  // Closed without having been told of an end: reset.
  if (to->closed) return Status::system("write", ECONNRESET);
  if (from->peer_finished) {
    interval_ = finishing_ ? std::min(interval_ * 2, kLastFinishInterval) : kFirstFinishInterval;
    finishing_ = true;
  } else {
    interval_ = busy ? kBusyInterval : std::min(interval_ * 2, kQuietInterval);
  }
  check_at_ = now + interval_;
  return false;
}

}  // namespace ktls::relay

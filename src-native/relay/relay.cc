#include "relay/relay.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>

#include "relay/tcp_position.h"

namespace ktls::relay {

namespace {

constexpr Side kSides[] = {Side::a, Side::b};

constexpr const char* kNotYetMapped =
    "copied until the socket was read empty once: then the sockmap takes over";

// The sockets' own fault, not the caller's: the other modes carry such a pair.
bool is_transient(const Status& refusal) { return refusal.error_number() == EOPNOTSUPP; }

}  // namespace

Relay::Relay(RelayEnd a, RelayEnd b, const Options& options, std::shared_ptr<Gauges> gauges, OnEnd on_end)
    : options_(options),
      gauges_(std::move(gauges)),
      on_end_(std::move(on_end)),
      a_(std::move(a.end)),
      b_(std::move(b.end)),
      from_a_(*a_, *b_, std::move(a.initial), gauges_->a_to_b),
      from_b_(*b_, *a_, std::move(b.initial), gauges_->b_to_a) {}

void Relay::start(Clock::time_point now, Sockmap* sockmap, const Status& refusal) {
  started_ = last_moved_ = now;
  sockmap_ = sockmap;
  if (options_.mode != Mode::sockmap) {
    for (Side side : kSides) half(side).pumped.set_mode(options_.mode);
    return;
  }
  for (Side side : kSides) {
    Status fit = end(side).is_plain() ? check_sockmap_socket(fd(side)) : no_sockmap_for_tls();
    if (!fit.ok()) return fall_back_or_fail(fit);
  }
  // Only then: what excludes this pair everywhere says more than what this kernel lacks.
  if (!sockmap) return fall_back_or_fail(refusal);
  for (Side side : kSides) {
    Status found = find_start(side);
    if (!found.ok()) return fail(std::move(found), side);
    half(side).pumped.set_mode(Mode::copy);
    gauge(side).choose(Mode::copy, kNotYetMapped);
    half(side).to_be_mapped = true;
  }
}

void Relay::fall_back_or_fail(const Status& refusal) {
  if (!options_.fallback) return fail(refusal, std::nullopt);
  for (Side side : kSides) {
    gauge(side).fall_back(sockmap_refusal(refusal));
    half(side).pumped.set_mode(Mode::automatic);
  }
}

void Relay::notice(Side side, uint32_t events) {
  if (ended_) return;
  noticed_ = true;
  if (events & EPOLLERR) {
    Status error = pending_error(side);
    if (!error.ok()) return fail(std::move(error), side);
  }
  End& seen = end(side);
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) seen.readable = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) seen.peer_ended = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) seen.writable = true;
}

Status Relay::pending_error(Side side) {
  if (!end(side).is_plain()) {
    // The error may be the kernel's record layer's, which only a read can explain.
    auto position = tcp_position(fd(side));
    return position.ok() && position->closed ? Status::system("read", ECONNRESET) : Status();
  }
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd(side), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error == 0) return {};
  return Status::system("read", error);
}

bool Relay::advance(Clock::time_point now, Pools& pools) {
  bool more = false;
  for (Side side : kSides) {
    if (!ended_ && !half(side).done) more = advance_half(side, now, pools) || more;
  }
  noticed_ = false;
  if (ended_) return false;
  if (from_a_.done && from_b_.done) {
    ended_ = true;
    return false;
  }
  check_time(now);
  return more && !ended_;
}

Status Relay::find_start(Side source) {
  auto from = user_position(fd(source));
  if (!from.ok()) return std::move(from).status();
  auto to = user_position(fd(other(source)));
  if (!to.ok()) return std::move(to).status();
  half(source).start = {from->read - half(source).pumped.initial_size(), to->written};
  return {};
}

// Precondition: user space has nothing of this direction in its hands, or the kernel's bytes would
// overtake it.
void Relay::connect_by_sockmap(Side source) {
  Half& moving = half(source);
  moving.to_be_mapped = false;
  const uint64_t copied = gauge(source).bytes();
  auto mapped =
      MappedDirection::connect(*sockmap_, fd(source), fd(other(source)),
                               {moving.start.read + copied, moving.start.written + copied}, gauge(source));
  if (mapped.ok()) {
    moving.mapped = *mapped;
  } else if (is_transient(mapped.status()) || options_.fallback) {
    gauge(source).fall_back(sockmap_refusal(mapped.status()));
    moving.pumped.set_mode(Mode::automatic);
  } else {
    fail(std::move(mapped).status(), source);
  }
}

bool Relay::advance_half(Side source, Clock::time_point now, Pools& pools) {
  Half& moving = half(source);
  if (moving.mapped) {
    // What the kernel moved since the last look must be known before the idle limit is held to be reached.
    if (!noticed_ && !is_idle(now) && now < moving.mapped->check_at()) return false;
    auto finished = moving.mapped->check(now, options_.backlog_limit);
    // A source that was reset after epoll's last answer looks like one that ended, but for a FIN that was
    // counted and never came: its error says which it was.
    Status reset = finished.ok() && !*finished ? Status() : pending_error(source);
    if (!reset.ok()) {
      fail(std::move(reset), source);
    } else if (!finished.ok()) {
      fail(std::move(finished).status(), other(source));
    } else {
      moving.done = *finished;
    }
    return false;
  }
  auto step = moving.pumped.pump(pools);
  if (!step.ok()) {
    fail(std::move(step).status(), moving.pumped.failed_at_sink() ? other(source) : source);
    return false;
  }
  moving.done = *step == Direction::Step::finished;
  if (moving.to_be_mapped && !moving.done && moving.pumped.is_at_rest()) connect_by_sockmap(source);
  return *step == Direction::Step::more;
}

void Relay::check_time(Clock::time_point now) {
  const uint64_t moved = gauges_->a_to_b.bytes() + gauges_->b_to_a.bytes();
  if (moved != moved_) {
    moved_ = moved;
    last_moved_ = now;
  }
  if (options_.timeout.count() > 0 && now >= started_ + options_.timeout) {
    fail(Status::fail(Code::timeout, "the relay lasted longer than its timeout"), std::nullopt);
  } else if (is_idle(now)) {
    fail(Status::fail(Code::idle_timeout, "neither side of the relay moved a byte for its idleTimeout"),
         std::nullopt);
  }
}

bool Relay::is_idle(Clock::time_point now) const {
  return options_.idle_timeout.count() > 0 && now >= last_moved_ + options_.idle_timeout;
}

Relay::Clock::time_point Relay::wake_at() const {
  auto at = Clock::time_point::max();
  if (options_.timeout.count() > 0) at = std::min(at, started_ + options_.timeout);
  if (options_.idle_timeout.count() > 0) at = std::min(at, last_moved_ + options_.idle_timeout);
  for (Side side : kSides) {
    if (half(side).mapped) at = std::min(at, half(side).mapped->check_at());
  }
  return at;
}

uint32_t Relay::interest(Side side) const {
  uint32_t events = EPOLLRDHUP | EPOLLET;
  if (!half(side).mapped) events |= EPOLLIN;
  if (!half(other(side)).mapped) events |= EPOLLOUT;
  return events;
}

void Relay::fail(Status status, std::optional<Side> side) {
  if (ended_) return;
  ended_ = true;
  outcome_ = {std::move(status), side};
  for (Side each : kSides) reset_on_close(fd(each));
}

void Relay::settle() {
  for (Side side : kSides) {
    if (half(side).mapped) sockmap_->disconnect(fd(side));
  }
  a_.reset();
  b_.reset();
  on_end_(std::move(outcome_));
}

}  // namespace ktls::relay

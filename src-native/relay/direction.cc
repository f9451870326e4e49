#include "relay/direction.h"

namespace ktls::relay {

namespace {

// Enough to make a turn worth its overhead, little enough that 1,000 bulk relays on a thread keep
// an interactive one waiting for well under a second.
constexpr size_t kShare = 1 << 20;
constexpr unsigned kFetchesShare = 64;

bool can_splice(const End& source, const End& sink) {
  return source.can_splice_out() && sink.can_splice_in();
}

}  // namespace

Direction::Direction(End& source, End& sink, std::vector<uint8_t> initial, Gauge& gauge)
    : source_(source),
      sink_(sink),
      gauge_(gauge),
      policy_(Mode::automatic, can_splice(source, sink), gauge),
      initial_(std::move(initial)) {}

void Direction::set_mode(Mode asked) { policy_ = Policy(asked, can_splice(source_, sink_), gauge_); }

Result<Direction::Step> Direction::pump(Pools& pools) {
  moved_this_turn_ = 0;
  fetches_this_turn_ = 0;
  for (;;) {
    if (finished_) return Step::finished;
    Status delivered = sink_.writable ? deliver(pools) : Status::of(Code::would_block);
    if (delivered.ok() && source_ended_) delivered = sink_.finish();
    if (delivered.is(Code::would_block)) {
      sink_.writable = false;
      return Step::waiting;
    }
    failed_at_sink_ = !delivered.ok();
    if (failed_at_sink_) return delivered;
    if (source_ended_) {
      finished_ = true;
      return Step::finished;
    }

    if (!source_.readable && !source_.has_buffered()) return Step::waiting;
    if (moved_this_turn_ >= kShare || fetches_this_turn_ >= kFetchesShare) return Step::more;
    Status fetched = fetch(pools);
    if (fetched.is(Code::would_block)) {
      source_.readable = false;
    } else if (fetched.is(Code::end_of_stream)) {
      source_ended_ = true;
    } else if (!fetched.ok()) {
      return fetched;
    }
  }
}

Status Direction::fetch(Pools& pools) {
  fetches_this_turn_++;
  if (policy_.mode() == Mode::splice) {
    pipe_ = pools.take_pipe();
    if (pipe_) return fetch_by_splice(pools);
    policy_.no_pipe();
  }
  return fetch_by_copy(pools);
}

Status Direction::fetch_by_copy(Pools& pools) {
  buffer_ = pools.take_buffer();
  auto count = source_.read({buffer_->memory.get(), kBufferSize});
  if (!count.ok()) {
    pools.give_back(std::move(buffer_));
    return std::move(count).status();
  }
  buffer_->end = *count;
  // A short read emptied the socket; epoll reports what comes later. That saves the call that would
  // find nothing, one in four when small messages go to and fro.
  if (source_.is_plain() && *count < kBufferSize && !source_.peer_ended) source_.readable = false;
  policy_.fetched(Mode::copy, *count);
  return {};
}

// The kernel's record layer hands out one record at a time: several are gathered for each delivery.
Status Direction::fetch_by_splice(Pools& pools) {
  do {
    auto count = source_.splice_to(pipe_->writer.get(), pipe_->size - in_pipe_);
    if (!count.ok()) {
      // What stopped it is met again when the pipe is empty, and then is no longer ambiguous.
      if (in_pipe_ > 0) break;
      pools.give_back(std::move(pipe_));
      return count.is(Code::unsupported) ? fetch_by_copy(pools) : std::move(count).status();
    }
    in_pipe_ += *count;
  } while (!source_.is_plain() && in_pipe_ < pipe_->size);
  policy_.fetched(Mode::splice, in_pipe_);
  return {};
}

Status Direction::deliver(Pools& pools) {
  if (!initial_.empty()) KTLS_TRY(deliver_initial());
  if (buffer_) KTLS_TRY(deliver_buffer(pools));
  if (pipe_) KTLS_TRY(deliver_pipe(pools));
  return sink_.flush();
}

Status Direction::deliver_initial() {
  while (initial_sent_ < initial_.size()) {
    auto count = sink_.write(Bytes(initial_).subspan(initial_sent_));
    if (!count.ok()) return std::move(count).status();
    initial_sent_ += *count;
    gauge_.add(Mode::copy, *count);
  }
  initial_ = {};
  return {};
}

Status Direction::deliver_buffer(Pools& pools) {
  while (!buffer_->empty()) {
    auto count = sink_.write(buffer_->content());
    if (!count.ok()) return std::move(count).status();
    buffer_->begin += *count;
    moved_this_turn_ += *count;
    gauge_.add(Mode::copy, *count);
  }
  pools.give_back(std::move(buffer_));
  return {};
}

Status Direction::deliver_pipe(Pools& pools) {
  while (in_pipe_ > 0) {
    auto count = sink_.splice_from(pipe_->reader.get(), in_pipe_);
    if (!count.ok()) return std::move(count).status();
    in_pipe_ -= *count;
    moved_this_turn_ += *count;
    gauge_.add(Mode::splice, *count);
  }
  pools.give_back(std::move(pipe_));
  return {};
}

}  // namespace ktls::relay

#include "engine/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "net/socket.h"
#include "net/wait.h"

namespace ktls::engine {

namespace {

// Larger pipes gain nothing, and this is what an unprivileged process may ask for.
constexpr int kPipeLength = 1 << 20;

}  // namespace

Link::Link(std::unique_ptr<tls::Connection> connection)
    : connection_(std::move(connection)), in_(new uint8_t[kInCapacity]) {
  net::bound_buffers_to_oneself(connection_->fd());
}

Status Link::reserve(size_t payload, const Patience& patience) {
  if (out_.space() >= wire::kFrameHeaderLength + payload) return Status();
  return flush(patience);
}

Status Link::flush(const Patience& patience) {
  if (out_.length() == 0) return Status();
  while (flushed_ < out_.length()) {
    if (patience.cancel.is_set()) return Status::of(Code::cancelled);
    Result<size_t> taken = connection_->write(out_.written().subspan(flushed_));
    if (taken.ok()) {
      flushed_ += *taken;
    } else if (taken.is(Code::would_block)) {
      KTLS_TRY(wait_writable(patience));
    } else {
      return std::move(taken).status();
    }
  }
  for (;;) {
    Status sent = connection_->flush();
    if (sent.ok()) break;
    if (!sent.is(Code::would_block)) return sent;
    KTLS_TRY(wait_writable(patience));
  }
  flushed_ = 0;
  out_.truncate(0);
  return Status();
}

Status Link::give_up_unsent(const Patience& patience) {
  if (flushed_ > 0) return flush(patience);
  out_.truncate(0);
  return Status();
}

Status Link::send_file(int file, uint64_t offset, size_t count, size_t* sent, const Patience& patience) {
  at_frame_boundary_ = false;
  auto position = static_cast<off_t>(offset);
  for (*sent = 0; *sent < count;) {
    Result<size_t> taken = connection_->send_file(file, &position, count - *sent);
    if (taken.ok() && *taken == 0) break;
    if (taken.ok()) {
      *sent += *taken;
    } else if (taken.is(Code::would_block)) {
      KTLS_TRY(wait_writable(patience));
    } else {
      return std::move(taken).status();
    }
  }
  at_frame_boundary_ = *sent == count;
  return Status();
}

Status Link::splice_file(int file, uint64_t offset, size_t count, size_t* sent, const Patience& patience) {
  if (!pipe_[0]) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Status::system("pipe2", errno);
    pipe_[0] = Fd(ends[0]);
    pipe_[1] = Fd(ends[1]);
    // Refused beyond the user's quota: a smaller pipe is slower, not wrong.
    fcntl(ends[1], F_SETPIPE_SZ, kPipeLength);
  }
  at_frame_boundary_ = false;
  auto position = static_cast<loff_t>(offset);
  for (*sent = 0; *sent < count;) {
    ssize_t filled = splice(file, &position, pipe_[1].get(), nullptr, count - *sent, SPLICE_F_MOVE);
    if (filled < 0 && errno == EINTR) continue;
    if (filled < 0) return Status::system("splice", errno);
    if (filled == 0) break;
    for (auto left = static_cast<size_t>(filled); left > 0;) {
      // Never `more`: an open record would wait for bytes that only come after the next read.
      Result<size_t> taken = connection_->splice_from(pipe_[0].get(), left, false);
      if (taken.ok()) {
        left -= *taken;
      } else if (taken.is(Code::would_block)) {
        KTLS_TRY(wait_writable(patience));
      } else {
        return std::move(taken).status();
      }
    }
    *sent += static_cast<size_t>(filled);
  }
  at_frame_boundary_ = *sent == count;
  return Status();
}

Status Link::wait_writable(const Patience& patience) {
  const short events = while_waiting ? POLLIN | POLLOUT : POLLOUT;
  // One for all that comes meanwhile: a peer that only talks, and does no work, must not hold it up.
  Deadline end = patience.deadline();
  do {
    Result<short> ready = net::wait(connection_->fd(), events, patience.cancel, end);
    if (ready.is(Code::would_block)) break;
    if (!ready.ok()) return std::move(ready).status();
    if (while_waiting && (*ready & POLLIN) != 0) {
      Result<bool> at_work = while_waiting();
      if (!at_work.ok()) return std::move(at_work).status();
      if (*at_work) end = patience.deadline();
    }
    if ((*ready & ~POLLIN) != 0) return Status();
  } while (!end.passed());
  return Status::fail(
      Code::idle_timeout,
      "the peer took no data for " + std::to_string(patience.idle.count()) + " ms: is it still running?");
}

void Link::compact() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (kInCapacity - end_ < kWorthReading) {
    std::memmove(in_.get(), in_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
}

Status Link::fill(const Patience& patience) {
  compact();
  Result<size_t> count = connection_->read_some({in_.get() + end_, kInCapacity - end_}, patience);
  if (!count.ok()) return std::move(count).status();
  end_ += *count;
  return Status();
}

Status Link::fill_now() {
  compact();
  Result<size_t> count = connection_->read({in_.get() + end_, kInCapacity - end_});
  if (!count.ok()) return std::move(count).status();
  end_ += *count;
  return Status();
}

Result<std::optional<Link::Frame>> Link::front_frame() {
  Bytes available = pending();
  if (available.size() < wire::kFrameHeaderLength) return std::optional<Frame>();
  Result<wire::FrameHeader> header = wire::parse_frame_header(available);
  if (!header.ok()) return std::move(header).status();
  if (header->type == wire::FrameType::file_data) {
    return Status::fail(Code::protocol, "the peer sent file content where none may come");
  }
  if (available.size() < wire::kFrameHeaderLength + header->length) return std::optional<Frame>();
  return std::optional<Frame>({header->type, available.subspan(wire::kFrameHeaderLength, header->length)});
}

Result<Link::Frame> Link::next_frame(const Patience& patience) {
  auto end = std::chrono::steady_clock::now() + patience.idle;
  for (;;) {
    Result<std::optional<Frame>> frame = front_frame();
    if (!frame.ok()) return std::move(frame).status();
    if (!frame->has_value()) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      Status filled = fill({patience.cancel, std::max(left, std::chrono::milliseconds(0))});
      if (filled.is(Code::end_of_stream)) {
        return Status::fail(Code::truncated, "the peer closed the connection before the transfer began");
      }
      KTLS_TRY(std::move(filled));
    } else if (static_cast<uint8_t>((**frame).type) >= wire::kFirstIgnorableType) {
      consume_frame(**frame);
    } else {
      return **frame;
    }
  }
}

Status Link::close_notify(const Patience& patience) {
  KTLS_TRY(flush(patience));
  KTLS_TRY(connection_->close_notify());
  KTLS_TRY(connection_->flush_all(patience));
  // Where there is no TLS, this is the end; where there is, it costs nothing.
  shutdown(connection_->fd(), SHUT_WR);
  return Status();
}

void Link::linger(const Patience& patience) {
  Deadline end = patience.deadline();
  while (!end.passed()) {
    begin_ = end_ = 0;
    if (!fill(patience).ok()) return;
  }
}

}  // namespace ktls::engine

#include "tls/connection.h"

#include <errno.h>
#include <poll.h>

#include <algorithm>

#include "net/wait.h"

namespace ktls::tls {

namespace {

// A record of the kernel's may be shorter than ours would be: no call makes more than this.
constexpr size_t kShortestRecord = 1024;

uint64_t most_records(size_t bytes) { return bytes / kShortestRecord + 2; }

// Of the records under a key, this many are kept for KeyUpdate or close_notify.
constexpr uint64_t kReservedRecords = 1;

Status wait_for(int fd, short events, const Connection::Patience& patience) {
  Result<short> ready = net::wait(fd, events, patience.cancel, patience.deadline());
  if (ready.ok()) return {};
  if (!ready.is(Code::would_block)) return ready.status();
  return Status::fail(Code::idle_timeout, events == POLLIN ? "the peer sent nothing for the idle limit"
                                                           : "the peer took nothing for the idle limit");
}

}  // namespace

const char* placement_name(Placement placement) {
  switch (placement) {
    case Placement::kernel:
      return "kernel";
    case Placement::user:
      return "user";
    case Placement::none:
      return "none";
  }
  return "unknown";
}

Connection::Connection(Fd fd, RecordReport report, ProtocolVersion version, const ConnectionOptions& options,
                       std::unique_ptr<RecordWriter> writer, std::unique_ptr<RecordReader> reader)
    : fd_(std::move(fd)),
      report_(std::move(report)),
      version_(version),
      role_(options.role),
      max_records_per_key_(std::clamp(options.max_records_per_key, kReservedRecords + 1, kMaxRecordsPerKey)),
      reader_(std::move(reader)),
      writer_(std::move(writer)) {}

Result<size_t> Connection::write(Bytes data) {
  std::lock_guard lock(write_mutex_);
  Result<size_t> room = prepare_write(data.size());
  if (!room.ok()) return room;
  return charge(writer_->write(data.first(*room)));
}

Result<size_t> Connection::send_file(int file, off_t* offset, size_t count) {
  std::lock_guard lock(write_mutex_);
  Result<size_t> room = prepare_write(count);
  if (!room.ok()) return room;
  return charge(writer_->send_file(file, offset, *room));
}

Result<size_t> Connection::splice_from(int pipe, size_t count, bool more) {
  std::lock_guard lock(write_mutex_);
  Result<size_t> room = prepare_write(count);
  if (!room.ok()) return room;
  return charge(writer_->splice_from(pipe, *room, more || *room < count));
}

Status Connection::flush() {
  std::lock_guard lock(write_mutex_);
  return writer_->flush();
}

Status Connection::update_key(bool request_peer) {
  std::lock_guard lock(write_mutex_);
  if (!write_failure_.ok()) return write_failure_;
  if (closed_) return Status::system("write", EPIPE);
  if (!writer_->can_update_key()) {
    return Status::fail(Code::key_update_unsupported,
                        version_ == ProtocolVersion::tls12
                            ? "TLS 1.2 cannot change a key: open another connection"
                            : "this kernel cannot change a key (Linux 6.14 can): give kernel: 'off', or open "
                              "another connection");
  }
  KTLS_TRY(writer_->update_key(request_peer));
  // It answers a peer that asked for it, too.
  key_update_requested_.store(false, std::memory_order_release);
  allowance_ = 0;
  return {};
}

Status Connection::close_notify() {
  std::lock_guard lock(write_mutex_);
  if (!write_failure_.ok()) return write_failure_;
  if (closed_) return {};
  const uint8_t alert[] = {static_cast<uint8_t>(AlertLevel::warning),
                           static_cast<uint8_t>(AlertDescription::close_notify)};
  KTLS_TRY(writer_->write_control(ContentType::alert, alert));
  closed_ = true;
  return {};
}

bool Connection::key_nearly_spent() {
  std::lock_guard lock(write_mutex_);
  if (may_update_key()) return false;
  const uint64_t near = max_records_per_key_ / 16;
  if (allowance_ <= near) allowance_ = records_left();
  return allowance_ <= near;
}

Result<size_t> Connection::read_some(MutableBytes into, const Patience& patience) {
  for (;;) {
    if (patience.cancel.is_set()) return Status::of(Code::cancelled);
    Result<size_t> got = read(into);
    if (!got.is(Code::would_block)) return got;
    KTLS_TRY(wait_for(fd_.get(), POLLIN, patience));
  }
}

Status Connection::write_all(Bytes data, const Patience& patience) {
  while (!data.empty()) {
    if (patience.cancel.is_set()) return Status::of(Code::cancelled);
    Result<size_t> accepted = write(data);
    if (accepted.ok()) {
      data = data.subspan(*accepted);
      continue;
    }
    if (!accepted.is(Code::would_block)) return accepted.status();
    KTLS_TRY(wait_for(fd_.get(), POLLOUT, patience));
  }
  return {};
}

Status Connection::flush_all(const Patience& patience) {
  for (;;) {
    if (patience.cancel.is_set()) return Status::of(Code::cancelled);
    Status flushed = flush();
    if (!flushed.is(Code::would_block)) return flushed;
    KTLS_TRY(wait_for(fd_.get(), POLLOUT, patience));
  }
}

// How many of `count` bytes may go out now, as far as keys are concerned.
Result<size_t> Connection::prepare_write(size_t count) {
  if (!write_failure_.ok()) return write_failure_;
  if (closed_) return Status::system("write", EPIPE);
  if (key_update_requested_.exchange(false, std::memory_order_acq_rel)) {
    if (Status updated = writer_->update_key(false); !updated.ok()) {
      key_update_requested_.store(true, std::memory_order_release);
      return updated;
    }
    allowance_ = 0;
  }
  if (allowance_ < most_records(count)) allowance_ = records_left();
  if (allowance_ == 0) {
    if (!may_update_key()) {
      return Status::fail(Code::limit, std::string("this key has protected as many records as it may, and ") +
                                           (version_ == ProtocolVersion::tls12 ? "TLS 1.2" : "this kernel") +
                                           " cannot change it: open another connection");
    }
    KTLS_TRY(writer_->update_key(false));
    allowance_ = records_left();
  }
  return std::min<uint64_t>(count, allowance_ * kMaxPlaintext);
}

Result<size_t> Connection::charge(Result<size_t> written) {
  if (written.ok()) allowance_ -= std::min(allowance_, most_records(*written));
  return written;
}

uint64_t Connection::records_left() const {
  const uint64_t usable = max_records_per_key_ - kReservedRecords;
  return usable - std::min(usable, writer_->records_under_key());
}

}  // namespace ktls::tls

#include "tls/send_job.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>

namespace ktls::tls {

namespace {

// What one job may send before others get their turn; it also bounds how long one sendfile(2) holds the
// connection's lock. Whole records.
constexpr size_t kTurn = 1024 * 1024;

Status file_ended(size_t missing) {
  return Status::fail(Code::file_changed, "the file ended " + std::to_string(missing) +
                                              " bytes before the range that was to be sent");
}

}  // namespace

SendJob::SendJob(std::shared_ptr<Connection> connection, FileRange range,
                 std::shared_ptr<std::atomic<uint64_t>> sent)
    : connection_(std::move(connection)), range_(std::move(range)), sent_(std::move(sent)) {}

SendJob::SendJob(std::shared_ptr<Connection> connection, std::vector<Bytes> chunks,
                 std::shared_ptr<std::atomic<uint64_t>> sent)
    : connection_(std::move(connection)), chunks_(std::move(chunks)), sent_(std::move(sent)) {}

Status SendJob::advance(MutableBytes buffer) {
  if (!flushing_) {
    size_t budget = kTurn;
    Status status = send(buffer, budget);
    if (status.is(Code::would_block) || (status.ok() && !complete())) return status;
    failure_ = std::move(status);
    flushing_ = true;
  }
  // Also after a failure: what was accepted must not stay behind in an open record.
  Status flushed = connection_->flush();
  if (flushed.is(Code::would_block)) return flushed;
  ended_ = true;
  return failure_.ok() ? flushed : failure_;
}

// As much of what was accepted as can go out without waiting.
void SendJob::cancel() { (void)connection_->flush(); }

Status SendJob::send(MutableBytes buffer, size_t& budget) {
  while (!complete() && budget > 0) {
    Result<size_t> accepted = send_some(buffer, budget);
    if (!accepted.ok()) return accepted.status();
    *sent_ += *accepted;
    budget -= *accepted;
  }
  return {};
}

Result<size_t> SendJob::send_some(MutableBytes buffer, size_t budget) {
  if (next_ < chunks_.size()) {
    Bytes& chunk = chunks_[next_];
    Result<size_t> accepted =
        chunk.empty() ? Result<size_t>(0) : connection_->write(chunk.first(std::min(chunk.size(), budget)));
    if (!accepted.ok()) return accepted;
    chunk = chunk.subspan(*accepted);
    if (chunk.empty()) ++next_;
    return accepted;
  }
  const size_t wanted = std::min(range_.count, budget);
  Result<size_t> moved = connection_->can_send_file()
                             ? connection_->send_file(range_.file.get(), &range_.offset, wanted)
                             : copy_from_file(buffer, wanted);
  if (!moved.ok()) return moved;
  if (*moved == 0) return file_ended(range_.count);
  range_.count -= *moved;
  return moved;
}

Result<size_t> SendJob::copy_from_file(MutableBytes buffer, size_t wanted) {
  // Nothing is read that would wait here for the peer.
  KTLS_TRY(connection_->flush());
  ssize_t got;
  do {
    got = pread(range_.file.get(), buffer.data(), std::min(wanted, buffer.size()), range_.offset);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Status::system("pread", errno);
  if (got == 0) return size_t{0};
  Result<size_t> accepted = connection_->write(buffer.first(static_cast<size_t>(got)));
  if (accepted.ok()) range_.offset += static_cast<off_t>(*accepted);
  return accepted;
}

}  // namespace ktls::tls

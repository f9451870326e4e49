#include "tls/send_job.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "base/read_at.h"
#include "base/read_cached.h"

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

SendJob::SendJob(std::shared_ptr<Connection> connection, ChunkQueue chunks, FileRange range,
                 std::shared_ptr<std::atomic<uint64_t>> sent)
    : connection_(std::move(connection)),
      chunks_(std::move(chunks)),
      range_(std::move(range)),
      sent_(std::move(sent)) {}

Status SendJob::advance_cached(MutableBytes buffer, size_t first_piece, size_t most) {
  piece_ = first_piece;
  Status status = advance_by(most, buffer);
  piece_.reset();
  return status;
}

Status SendJob::advance(MutableBytes buffer) { return advance_by(kTurn, buffer); }

Status SendJob::advance_by(size_t budget, MutableBytes buffer) {
  if (!flushing_) {
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
    budget -= std::min(budget, *accepted);
  }
  return {};
}

Result<size_t> SendJob::send_some(MutableBytes buffer, size_t budget) {
  const bool by_kernel = connection_->can_send_file();
  const bool shares = range_.count > 0 && chunks_.length() < kMaxPlaintext;
  if (!chunks_.empty() && !shares) return send_chunks(budget);
  const size_t wanted = std::min(range_.count, budget);
  if (!by_kernel) return copy_from_file(buffer, wanted);
  // The kernel has a record for each call: this one the chunks and the beginning of the file share.
  if (!chunks_.empty()) return copy_from_file(buffer, std::min(wanted, kMaxPlaintext - chunks_.length()));
  if (piece_ && !is_cached()) return Status::of(Code::would_block);
  Result<size_t> moved = connection_->send_file(range_.file.get(), &range_.offset, wanted);
  if (!moved.ok()) return moved;
  if (*moved == 0) return file_ended(range_.count);
  range_.count -= *moved;
  return moved;
}

Result<size_t> SendJob::send_chunks(size_t budget) {
  const Bytes data = chunks_.front();
  Result<size_t> accepted = connection_->write(data.first(std::min(data.size(), budget)));
  if (accepted.ok()) chunks_.consume(*accepted);
  return accepted;
}

Result<size_t> SendJob::copy_from_file(MutableBytes buffer, size_t wanted) {
  // Nothing is read that would wait here for the peer.
  KTLS_TRY(connection_->flush());
  const Bytes head = chunks_.front();
  if (piece_) {
    wanted = std::min(wanted, *piece_ - head.size());
    piece_ = std::min(2 * *piece_, kLargestPiece);
  }
  // What has been read ahead is sent whole, beyond the turn if need be: cut anywhere, it would end in a short
  // record.
  Result<Bytes> data = head.empty() && reads_ahead() ? ahead_->next() : fill(buffer, head, wanted);
  if (!data.ok()) return std::move(data).status();
  if (data->empty()) return file_ended(range_.count);
  Result<size_t> accepted = connection_->write(*data);
  if (!accepted.ok()) return accepted;
  const size_t of_head = std::min(head.size(), *accepted);
  const size_t of_file = *accepted - of_head;
  chunks_.consume(of_head);
  range_.offset += static_cast<off_t>(of_file);
  range_.count -= of_file;
  if (ahead_) ahead_->consume(of_file);
  return accepted;
}

// It begins behind what shares a record with the chunks.
bool SendJob::reads_ahead() {
  if (std::exchange(wants_ahead_, false)) {
    auto started = ReadAhead::start(range_.file.get(), range_.offset, range_.count, kSendBuffer);
    if (started.ok()) ahead_ = std::move(*started);
  }
  return ahead_ != nullptr;
}

Result<Bytes> SendJob::fill(MutableBytes buffer, Bytes head, size_t wanted) const {
  std::copy(head.begin(), head.end(), buffer.begin());
  MutableBytes room = buffer.subspan(head.size());
  Result<size_t> got = read_file(room.first(std::min(wanted, room.size())));
  if (!got.ok()) return std::move(got).status();
  return Bytes(buffer.first(head.size() + *got));
}

Result<size_t> SendJob::read_file(MutableBytes into) const {
  const int fd = range_.file.get();
  const ssize_t got = piece_ ? read_cached(fd, into, range_.offset) : read_at(fd, into, range_.offset);
  if (got >= 0) return static_cast<size_t>(got);
  return piece_ ? Status::of(Code::would_block) : Status::system("pread", errno);
}

// Whether the end of the range is in memory; what lies before it then is, too, most often.
bool SendJob::is_cached() const {
  uint8_t last;
  const off_t at = range_.offset + static_cast<off_t>(range_.count) - 1;
  return read_cached(range_.file.get(), {&last, 1}, at) == 1;
}

}  // namespace ktls::tls

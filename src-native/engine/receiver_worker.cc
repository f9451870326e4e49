#include "engine/receiver_worker.h"

#include <errno.h>

#include "engine/handshake.h"
#include "engine/wire_metadata.h"
#include "wire/entry.h"

namespace ktls::engine {

namespace {

// The sender hears of this end every second: see ReceiverWorker::beat().
constexpr std::chrono::milliseconds kBeat{500};
// What consume_small_file() takes; larger files are opened and written piece by piece.
constexpr uint64_t kSmallFile = uint64_t{64} << 10;

}  // namespace

Status out_of_order(wire::FrameType type) {
  return Status::fail(Code::protocol,
                      "a frame of type " + std::to_string(static_cast<int>(type)) + " came where it may not");
}

ReceiverWorker::ReceiverWorker(Receiver& receiver, std::unique_ptr<Link> link, FileHash hash)
    : receiver_(receiver), link_(std::move(link)), hash_(std::move(hash)) {}

void ReceiverWorker::run() {
  receiver_.add_worker(this);
  Status status = work();
  receiver_.remove_worker(this);
  // A connection that carried nothing takes nothing away: the sender may drop one that came too late.
  bool matters = carries_entries_ || !status.is(Code::truncated);
  // Once everything is in place, only a breach of the protocol is still an error.
  bool counts = !receiver_.committed_ || status.is(Code::protocol);
  if (!status.ok() && matters && counts) session().fail(status);
  Status outcome = session().outcome();
  if (!outcome.ok() && counts) say_error(*link_, outcome, session().farewell());
  file_.reset();
  block_file_.reset();
  link_.reset();
  receiver_.crew_.leave_connection();
}

Status ReceiverWorker::work() {
  for (;;) {
    // Frames may have come behind HELLO.
    KTLS_TRY(consume());
    Status filled = fill();
    if (filled.is(Code::end_of_stream) && state_ == State::closing) break;
    if (filled.is(Code::end_of_stream)) {
      return Status::fail(Code::truncated, "the sender closed the connection before the transfer was done");
    }
    KTLS_TRY(std::move(filled));
  }
  std::lock_guard talking(talking_);
  return link_->close_notify(patience());
}

Status ReceiverWorker::fill() {
  std::lock_guard talking(talking_);
  KTLS_TRY(link_->fill(patience()));
  return progress_is_due() ? say_progress(patience()) : Status();
}

Status ReceiverWorker::fill_now() {
  std::lock_guard talking(talking_);
  return link_->fill_now();
}

Status ReceiverWorker::consume() {
  for (;;) {
    Bytes pending = link_->pending();
    if (data_left_ > 0) {
      if (pending.empty()) return Status();
      Bytes data = pending.first(std::min(pending.size(), data_left_));
      KTLS_TRY(content(data));
      data_left_ -= data.size();
      link_->consume(data.size());
      continue;
    }
    if (pending.size() < wire::kFrameHeaderLength) return Status();
    Result<wire::FrameHeader> header = wire::parse_frame_header(pending);
    if (!header.ok()) return std::move(header).status();
    if (header->type == wire::FrameType::file_data) {
      KTLS_TRY(begin_data(header->length));
      link_->consume(wire::kFrameHeaderLength);
      continue;
    }
    if (pending.size() < wire::kFrameHeaderLength + header->length) return Status();
    if (header->type == wire::FrameType::file_header && state_ == State::between) {
      Result<Small> small = consume_small_file(pending, header->length);
      if (!small.ok()) return std::move(small).status();
      if (*small == Small::taken) continue;
      if (*small == Small::incomplete) return Status();
    }
    KTLS_TRY(handle(header->type, pending.subspan(wire::kFrameHeaderLength, header->length)));
    link_->consume(wire::kFrameHeaderLength + header->length);
  }
}

Result<ReceiverWorker::Small> ReceiverWorker::consume_small_file(Bytes pending, size_t header_length) {
  size_t position = wire::kFrameHeaderLength + header_length;
  Result<wire::FileHeader> file =
      wire::FileHeader::parse(pending.subspan(wire::kFrameHeaderLength, header_length));
  if (!file.ok()) return std::move(file).status();
  if (file->size > kSmallFile) return Small::not_small;
  Bytes data;
  if (file->size > 0) {
    if (pending.size() < position + wire::kFrameHeaderLength) return Small::incomplete;
    Result<wire::FrameHeader> next = wire::parse_frame_header(pending.subspan(position));
    if (!next.ok()) return std::move(next).status();
    if (next->type != wire::FrameType::file_data || next->length != file->size) return Small::not_small;
    position += wire::kFrameHeaderLength;
    if (pending.size() < position + next->length) return Small::incomplete;
    data = pending.subspan(position, next->length);
    position += next->length;
  }
  if (pending.size() < position + wire::kFrameHeaderLength) return Small::incomplete;
  Result<wire::FrameHeader> end = wire::parse_frame_header(pending.subspan(position));
  if (!end.ok()) return std::move(end).status();
  if (end->type != wire::FrameType::file_end) return Small::not_small;
  position += wire::kFrameHeaderLength;
  if (pending.size() < position + end->length) return Small::incomplete;

  KTLS_TRY(carry_entries());
  hash_.reset();
  hash_.update(data);
  file_name_.assign(file->name);
  Status written = hash_.check(pending.subspan(position, end->length));
  if (written.ok() && directory_failed(file->directory)) {
    written = missing_directory("openat", file->directory, file_name_);
  } else if (written.ok()) {
    written = receiver_.sink_->write_file(file->directory, file_name_, data, from_wire(file->attributes));
  } else if (written.is(Code::integrity)) {
    written = std::move(written).with_path(receiver_.sink_->path_of(file->directory, file_name_));
  }
  if (written.ok()) {
    session().files.fetch_add(1, std::memory_order_relaxed);
    session().bytes.fetch_add(data.size(), std::memory_order_relaxed);
  } else {
    KTLS_TRY(name_lost(file->directory, file_name_, std::move(written)));
  }
  link_->consume(position + end->length);
  return Small::taken;
}

Status ReceiverWorker::handle(wire::FrameType type, Bytes payload) {
  using wire::FrameType;
  const auto bare = [payload](const char* frame) {
    return payload.empty() ? Status() : wire::malformed(frame);
  };
  if (static_cast<uint8_t>(type) >= wire::kFirstIgnorableType) return Status();
  if (type == FrameType::error) {
    Result<wire::Report> report = wire::Report::parse(payload);
    return report.ok() ? report->to_status() : std::move(report).status();
  }
  if (state_ == State::file) {
    if (type == FrameType::file_end) return file_end(payload);
    if (type == FrameType::file_abort) {
      KTLS_TRY(bare("FILE_ABORT"));
      return file_abort();
    }
    return out_of_order(type);
  }
  if (state_ == State::block) return type == FrameType::block_end ? block_end(payload) : out_of_order(type);
  if (state_ == State::closing) return out_of_order(type);
  switch (type) {
    case FrameType::directory:
      return directory(payload);
    case FrameType::file_header:
      return file_header(payload);
    case FrameType::symlink:
      return symlink(payload);
    case FrameType::hard_link:
      return hard_link(payload);
    case FrameType::block_file:
      return block_file(payload);
    case FrameType::block:
      return block(payload);
    case FrameType::block_file_end:
      return block_file_end(payload);
    case FrameType::skipped:
      return skipped(payload);
    case FrameType::totals:
      return totals(payload);
    case FrameType::connection_needed:
      KTLS_TRY(bare("CONNECTION_NEEDED"));
      receiver_.connection_needed_();
      return Status();
    case FrameType::connection_done:
      KTLS_TRY(bare("CONN_DONE"));
      if (carries_entries_) receiver_.end_entries();
      state_ = State::closing;
      return Status();
    case FrameType::all_done:
      return all_done(payload);
    default:
      return out_of_order(type);
  }
}

// --- Reports ---------------------------------------------------------------------------------------

Status ReceiverWorker::entry_failed(Status reason) {
  bool an_entry = reason.is(Code::system) || reason.is(Code::exists) || reason.is(Code::integrity);
  if (!an_entry) return reason;
  wire::Report report = wire::Report::from(reason);
  {
    std::lock_guard talking(talking_);
    KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
    report.write(link_->out(), wire::FrameType::file_error);
    KTLS_TRY(link_->flush(patience()));
  }
  session().add_skipped(std::move(report));
  bool goes_on = receiver_.options_.continue_on_error || reason.is(Code::exists);
  return goes_on ? Status() : reason;
}

Status ReceiverWorker::name_failed(uint32_t directory, const std::string& name, Status reason) {
  receiver_.lost_names_.add(directory, name, reason);
  return entry_failed(std::move(reason));
}

Status ReceiverWorker::name_lost(uint32_t directory, const std::string& name, Status reason) {
  receiver_.failed_.fetch_add(1, std::memory_order_relaxed);
  return name_failed(directory, name, std::move(reason));
}

Status ReceiverWorker::skipped(Bytes payload) {
  Result<wire::Report> report = wire::Report::parse(payload);
  if (!report.ok()) return std::move(report).status();
  session().add_skipped(std::move(*report));
  return Status();
}

Status ReceiverWorker::totals(Bytes payload) {
  Result<wire::Tally> tally = wire::Tally::parse(payload);
  if (!tally.ok()) return std::move(tally).status();
  session().files_total.store(tally->files, std::memory_order_relaxed);
  session().bytes_total.store(tally->bytes, std::memory_order_relaxed);
  session().totals_final.store(tally->final, std::memory_order_relaxed);
  return Status();
}

std::chrono::milliseconds ReceiverWorker::beat_interval(const Session& session) {
  return std::min(kBeat, session.idle() / 6);
}

void ReceiverWorker::beat() {
  std::unique_lock talking(talking_, std::try_to_lock);
  if (!talking.owns_lock() || !progress_is_due()) return;
  // Without waiting, for other connections wait for the next: what could not leave does so with it. An error
  // shows again to the worker.
  (void)say_progress({patience().cancel, std::chrono::milliseconds(0)});
}

bool ReceiverWorker::progress_is_due() const {
  return !answered_ &&
         std::chrono::steady_clock::now() - last_progress_ >= beat_interval(*receiver_.session_);
}

Status ReceiverWorker::say_progress(const Patience& patience) {
  last_progress_ = std::chrono::steady_clock::now();
  // Else the one before is still on its way.
  if (link_->out().length() == 0) {
    wire::Tally{session().files, session().bytes, false}.write(link_->out(), wire::FrameType::progress);
  }
  return link_->flush(patience);
}

// --- The end ---------------------------------------------------------------------------------------

Status ReceiverWorker::all_done(Bytes payload) {
  Result<wire::Counts> sent = wire::Counts::parse(payload);
  if (!sent.ok()) return std::move(sent).status();
  const size_t length = wire::kFrameHeaderLength + payload.size();
  // What came while this end was behind may be that the sender has failed since. An error shows again.
  (void)fill_now();
  if (const Bytes behind = link_->pending().subspan(length); !behind.empty()) {
    if (behind.front() != static_cast<uint8_t>(wire::FrameType::error)) {
      return Status::fail(Code::protocol, "the peer sent more after ALL_DONE");
    }
    // The next frame says why.
    state_ = State::closing;
    return Status();
  }
  KTLS_TRY(receiver_.begin_commit(carries_entries_));
  receiver_.crew_.end_waiting();
  if (!receiver_.block_files_.empty()) {
    return Status::fail(Code::protocol, "the peer said ALL_DONE before a file it had begun was complete");
  }
  wire::Counts held = receiver_.counts();
  if (held.entries() + held.failed != sent->entries() || (held.failed == 0 && held.bytes != sent->bytes)) {
    return Status::fail(Code::count_mismatch,
                        "the sender counts " + std::to_string(sent->entries()) + " entries and " +
                            std::to_string(sent->bytes) + " bytes, but " + std::to_string(held.entries()) +
                            " entries and " + std::to_string(held.bytes) + " bytes arrived");
  }
  KTLS_TRY(commit());
  receiver_.committed_ = true;
  std::lock_guard talking(talking_);
  answered_ = true;
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  held.write(link_->out());
  KTLS_TRY(link_->flush(patience()));
  state_ = State::closing;
  return Status();
}

Status ReceiverWorker::commit() {
  Status told;
  Status first_refusal;
  KTLS_TRY(receiver_.sink_->commit(patience().cancel, [&](Status reason) {
    if (!receiver_.options_.continue_on_error) {
      if (first_refusal.ok()) first_refusal = std::move(reason);
    } else if (told.ok()) {
      told = entry_failed(std::move(reason));
    }
  }));
  KTLS_TRY(std::move(told));
  return first_refusal.ok() ? Status() : entry_failed(std::move(first_refusal));
}

}  // namespace ktls::engine

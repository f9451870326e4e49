#include "engine/sender_worker.h"

#include <algorithm>

#include "engine/handshake.h"
#include "engine/stillness.h"
#include "engine/wire_metadata.h"
#include "wire/entry.h"

namespace ktls::engine {

namespace {

// Buffered frames are sent from here on.
constexpr size_t kFlushAt = size_t{256} << 10;
// The receiver must hear something within its idle limit, however long the walk takes or other connections
// do.
constexpr std::chrono::milliseconds kLongestSilence{5000};
// The receiver's progress shows what the sender has found; nothing waits longer in the buffer, either.
constexpr std::chrono::milliseconds kTotalsEvery{500};

}  // namespace

SenderWorker::SenderWorker(Sender& sender, std::unique_ptr<Link> link, FileHash hash)
    : sender_(sender),
      link_(std::move(link)),
      mode_(effective_mode(sender.options_.mode, sender.options_.verify, link_->connection())),
      longest_silence_(std::min(kLongestSilence, session().idle() / 3)),
      totals_every_(std::min(kTotalsEvery, session().idle() / 3)),
      hash_(std::move(hash)) {}

void SenderWorker::run() {
  link_->while_waiting = [this]() -> Result<bool> {
    at_work_ = false;
    Status taken = take_some();
    if (!taken.ok() && !taken.is(Code::would_block)) return taken;
    return at_work_;
  };
  Status status = work();
  if (status.ok()) status = sender_.crew_.leave_work() ? finish() : leave();
  if (!status.ok()) {
    session().fail(explain(std::move(status)));
    link_->while_waiting = nullptr;
    say_error(*link_, session().outcome(), session().farewell());
  }
  link_.reset();
  sender_.crew_.leave_connection();
}

Status SenderWorker::work() {
  std::shared_ptr<const fs::Directory> last;
  for (;;) {
    if (link_->connection().key_nearly_spent()) {
      bool initiator = sender_.options_.initiator;
      if (!initiator) {
        KTLS_TRY(link_->reserve(0, patience()));
        link_->out().header(wire::FrameType::connection_needed, 0);
      }
      KTLS_TRY(flush());
      sender_.crew_.want_replacement();
      if (initiator) sender_.connection_needed_();
      while (!sender_.crew_.replaced()) KTLS_TRY(keep_in_touch());
      return Status();
    }
    WorkQueue::Work next = sender_.queue_.next(longest_silence_, last.get());
    if (auto* batch = std::get_if<fs::Batch>(&next)) {
      Status sent = send_batch(*batch);
      sender_.queue_.done();
      KTLS_TRY(std::move(sent));
      KTLS_TRY(between_entries());
      last = batch->directory;
    } else if (auto* source = std::get_if<std::shared_ptr<BlockSource>>(&next)) {
      KTLS_TRY(send_blocks(**source));
    } else if (std::holds_alternative<WorkQueue::Finished>(next)) {
      return flush();
    } else if (session().stopped()) {
      return Status::of(Code::cancelled);
    } else {
      KTLS_TRY(say_totals());
      KTLS_TRY(flush());
    }
  }
}

Status SenderWorker::leave() {
  KTLS_TRY(link_->reserve(0, patience()));
  link_->out().header(wire::FrameType::connection_done, 0);
  KTLS_TRY(link_->close_notify(patience()));
  for (;;) {
    Status incoming = take_incoming();
    if (incoming.ok()) incoming = link_->fill(patience());
    if (incoming.is(Code::end_of_stream)) return Status();
    KTLS_TRY(std::move(incoming));
  }
}

Status SenderWorker::finish() {
  // Why one of the others was reset may be said here.
  while (!sender_.crew_.others_left()) KTLS_TRY(keep_in_touch());
  if (session().stopped()) return Status::of(Code::cancelled);
  for (const HardLink& link : sender_.hard_links_) {
    if (auto report = sender_.why_skipped(link.target_directory, link.target_name)) {
      report->path = link.path;
      session().add_skipped(*report);
      KTLS_TRY(send_skipped(std::move(*report)));
      continue;
    }
    KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
    wire::HardLinkFrame{link.directory, link.name, link.target_directory, link.target_name}.write(
        link_->out());
    session().hard_links.fetch_add(1, std::memory_order_relaxed);
    KTLS_TRY(flush_if_full());
  }
  wire::Counts sent{session().files,      session().directories, session().symlinks,
                    session().hard_links, session().bytes,       session().skipped_total()};
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  sent.write(link_->out());
  KTLS_TRY(link_->flush(patience()));
  asked_ = true;
  while (!answered_) {
    Status incoming = take_incoming();
    if (incoming.ok() && !answered_) incoming = link_->fill(patience());
    if (!answered_) KTLS_TRY(std::move(incoming));
  }
  const wire::Counts& held = sender_.receiver_counts_;
  if (held.entries() + held.failed != sent.entries() || (held.failed == 0 && held.bytes != sent.bytes)) {
    return Status::fail(Code::count_mismatch,
                        "the receiver holds " + std::to_string(held.entries()) + " entries and " +
                            std::to_string(held.bytes) + " bytes, but " + std::to_string(sent.entries()) +
                            " entries and " + std::to_string(sent.bytes) + " bytes were sent");
  }
  KTLS_TRY(link_->close_notify(patience()));
  link_->linger(patience());
  return Status();
}

// --- Announcements ---------------------------------------------------------------------------------

Status SenderWorker::announce(const std::shared_ptr<const fs::Directory>& directory) {
  std::vector<const fs::Directory*> unknown;
  for (const fs::Directory* at = directory.get(); at != nullptr; at = at->parent.get()) {
    if (at->id < announced_.size() && announced_[at->id]) break;
    unknown.push_back(at);
  }
  for (auto at = unknown.rbegin(); at != unknown.rend(); ++at) {
    const fs::Directory& each = **at;
    KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
    wire::DirectoryFrame{each.id, each.parent ? each.parent->id : 0, to_wire(each.metadata), each.name}.write(
        link_->out());
    if (announced_.size() <= each.id) announced_.resize(std::max<size_t>(each.id + 1, announced_.size() * 2));
    announced_[each.id] = true;
  }
  return Status();
}

Status SenderWorker::announce(const BlockSource& source) {
  if (std::ranges::find(announced_files_, source.id) != announced_files_.end()) return Status();
  KTLS_TRY(announce(source.directory));
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  wire::BlockFile{source.id, {source.directory->id, source.size(), to_wire(source.attributes), source.name}}
      .write(link_->out());
  // Only the newest files can be met again: at most one is open for each worker.
  constexpr size_t kRemembered = 256;
  if (announced_files_.size() == kRemembered) announced_files_.erase(announced_files_.begin());
  announced_files_.push_back(source.id);
  return Status();
}

// --- Out and in ------------------------------------------------------------------------------------

Status SenderWorker::flush() {
  last_flush_ = std::chrono::steady_clock::now();
  KTLS_TRY(link_->flush(patience()));
  return take_incoming();
}

Status SenderWorker::say_totals() {
  last_totals_ = std::chrono::steady_clock::now();
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  wire::Tally{session().files_total, session().bytes_total, session().totals_final}.write(
      link_->out(), wire::FrameType::totals);
  return Status();
}

Status SenderWorker::between_entries() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_totals_ > totals_every_) KTLS_TRY(say_totals());
  // Where the files are small and their disk is slow, what would fill a buffer takes minutes.
  return now - last_flush_ > totals_every_ ? flush() : flush_if_full();
}

Status SenderWorker::keep_in_touch() {
  if (std::chrono::steady_clock::now() - last_flush_ < longest_silence_) return take_incoming();
  KTLS_TRY(say_totals());
  return flush();
}

Status SenderWorker::flush_if_full() { return link_->out().length() < kFlushAt ? Status() : flush(); }

Status SenderWorker::take_incoming() {
  // The end of the stream comes after the frames that were read before it: an ERROR among them says why.
  Status taken = handle_pending();
  while (taken.ok()) taken = take_some();
  return taken.is(Code::would_block) ? Status() : taken;
}

Status SenderWorker::take_some() {
  KTLS_TRY(link_->fill_now());
  return handle_pending();
}

Status SenderWorker::handle_pending() {
  while (!session().stopped()) {
    Result<std::optional<Link::Frame>> frame = link_->front_frame();
    if (!frame.ok()) return std::move(frame).status();
    if (!frame->has_value()) return Status();
    KTLS_TRY(handle(**frame));
    link_->consume_frame(**frame);
  }
  return Status::of(Code::cancelled);
}

Status SenderWorker::handle(const Link::Frame& frame) {
  if (static_cast<uint8_t>(frame.type) >= wire::kFirstIgnorableType) return Status();
  switch (frame.type) {
    case wire::FrameType::progress: {
      Result<wire::Tally> tally = wire::Tally::parse(frame.payload);
      at_work_ = true;
      return tally.ok() ? Status() : std::move(tally).status();
    }
    case wire::FrameType::file_error: {
      Result<wire::Report> report = wire::Report::parse(frame.payload);
      if (!report.ok()) return std::move(report).status();
      Status status = report->to_status();
      session().add_skipped(std::move(*report));
      bool goes_on = sender_.options_.continue_on_error || status.is(Code::exists);
      return goes_on ? Status() : status;
    }
    case wire::FrameType::all_done: {
      Result<wire::Counts> counts = wire::Counts::parse(frame.payload);
      if (!counts.ok()) return std::move(counts).status();
      if (!asked_ || answered_) return Status::fail(Code::protocol, "the receiver said ALL_DONE unasked");
      sender_.receiver_counts_ = *counts;
      answered_ = true;
      return Status();
    }
    case wire::FrameType::error: {
      Result<wire::Report> report = wire::Report::parse(frame.payload);
      peer_error_ = report.ok() ? report->to_status() : std::move(report).status();
      return peer_error_;
    }
    default:
      return Status::fail(Code::protocol, "the receiver sent a frame of type " +
                                              std::to_string(static_cast<int>(frame.type)) +
                                              ", which only a sender may send");
  }
}

Status SenderWorker::explain(Status broken) {
  if (!broken.is(Code::system)) return broken;
  // What can still be read was sent before the receiver closed.
  Status last = take_incoming();
  return peer_error_.ok() ? broken : peer_error_;
}

}  // namespace ktls::engine

// SenderWorker: what is said of each entry, and how its content leaves.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/exhaustion.h"
#include "base/read_at.h"
#include "engine/sender_worker.h"
#include "engine/stillness.h"
#include "engine/wire_metadata.h"
#include "wire/entry.h"

namespace ktls::engine {

namespace {

// Up to here a file travels whole in one file_data frame, and the receiver writes it in one call.
constexpr uint64_t kSmallFile = uint64_t{64} << 10;
// Read and sent at once; a multiple of a record.
constexpr size_t kChunk = size_t{256} << 10;
// Handed to sendfile or splice at once.
constexpr size_t kZeroCopyChunk = wire::kMaxDataLength;

}  // namespace

// --- Entries ---------------------------------------------------------------------------------------

Status SenderWorker::send_batch(const fs::Batch& batch) {
  KTLS_TRY(announce(batch.directory));
  session().set_current_path(
      batch.directory->path_of(batch.entries.empty() ? std::string() : batch.entries.front().name));
  for (const fs::Skip& skip : batch.skipped) {
    wire::Report report = wire::Report::from(skip.reason);
    report.path = skip.path;
    session().add_skipped(report);
    KTLS_TRY(send_skipped(std::move(report)));
  }
  for (const fs::Entry& entry : batch.entries) {
    switch (entry.kind) {
      case fs::EntryKind::file:
        KTLS_TRY(send_file(batch, entry));
        break;
      case fs::EntryKind::symlink:
        KTLS_TRY(send_symlink(batch, entry));
        break;
      case fs::EntryKind::hard_link:
        sender_.add_hard_link({batch.directory->id, entry.name, entry.link_directory->id, entry.link_name,
                               batch.directory->path_of(entry.name)});
        break;
    }
    KTLS_TRY(between_entries());
  }
  return Status();
}

Status SenderWorker::send_file(const fs::Batch& batch, const fs::Entry& entry) {
  // O_NONBLOCK: it may have become a FIFO since the walk saw it.
  Fd file(openat(batch.fd->get(), entry.name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return skip(batch, entry, Status::system("openat", errno));
  if (entry.size <= kSmallFile) {
    // Most often it is as the walk saw it: then one look, behind the content, serves.
    KTLS_TRY(link_->reserve(wire::kMaxMessageLength + entry.size, patience()));
    const timespec since = file_clock();
    const Status put = put_small(batch, entry, file.get(), entry.size, entry.metadata,
                                 [&] { return still_as_walked(file.get(), entry, since); });
    if (put.ok()) return put;
  }
  Result<struct stat> settled = settled_attributes(file.get(), entry);
  if (!settled.ok()) return skip(batch, entry, std::move(settled).status());
  const struct stat& attributes = *settled;
  auto size = static_cast<uint64_t>(attributes.st_size);
  if (size <= kSmallFile) {
    KTLS_TRY(link_->reserve(wire::kMaxMessageLength + size, patience()));
    Status put = put_small(batch, entry, file.get(), size, fs::Metadata::of(attributes),
                           [&] { return unchanged(file.get(), attributes); });
    return put.ok() ? put : skip(batch, entry, std::move(put));
  }
  if (size < sender_.block_threshold_) return send_large(batch, entry, file.get(), attributes);
  uint64_t block_length = std::min(BlockSource::kBlockLength, sender_.block_threshold_);
  auto source = std::make_shared<BlockSource>(sender_.next_block_file(), batch.directory, entry.name,
                                              std::move(file), attributes, block_length);
  sender_.queue_.share(source);
  return send_blocks(*source);
}

template <typename Holds>
Status SenderWorker::put_small(const fs::Batch& batch, const fs::Entry& entry, int file, size_t size,
                               const fs::Metadata& metadata, const Holds& holds) {
  wire::Writer& out = link_->out();
  size_t start = out.length();
  wire::FileHeader{batch.directory->id, size, to_wire(metadata), entry.name}.write(out);
  if (size > 0) out.begin(wire::FrameType::file_data);
  // One byte more than there should be, to see a file that has grown.
  const ssize_t count = read_at(file, {out.position(), size + 1}, 0);
  const int error = errno;
  if (count != static_cast<ssize_t>(size) || !holds()) {
    out.truncate(start);
    return count < 0 ? Status::system("read", error) : changed_while_read();
  }
  // Only now: the receiver counts what it sees, and a file that was taken back it never saw.
  hash_.reset();
  if (size > 0) {
    hash_.update({out.position(), size});
    out.advance(size);
    out.end();
  }
  write_hash(wire::FrameType::file_end);
  session().files.fetch_add(1, std::memory_order_relaxed);
  session().bytes.fetch_add(size, std::memory_order_relaxed);
  return Status();
}

Status SenderWorker::send_large(const fs::Batch& batch, const fs::Entry& entry, int file,
                                const struct stat& attributes) {
  auto size = static_cast<uint64_t>(attributes.st_size);
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  wire::FileHeader{batch.directory->id, size, to_wire(attributes), entry.name}.write(link_->out());
  hash_.reset();
  uint64_t sent = 0;
  Status status = send_content(file, 0, size, &sent);
  bool read_failed = status.is(Code::file_changed);
  if (!status.ok() && !read_failed) return status;
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  if (read_failed || !unchanged(file, attributes)) {
    link_->out().header(wire::FrameType::file_abort, 0);
    session().bytes.fetch_sub(sent, std::memory_order_relaxed);
    return skip(batch, entry, read_failed ? std::move(status) : changed_while_read());
  }
  write_hash(wire::FrameType::file_end);
  session().files.fetch_add(1, std::memory_order_relaxed);
  return Status();
}

Status SenderWorker::send_blocks(BlockSource& source) {
  while (std::optional<BlockSource::Range> range = source.take()) {
    KTLS_TRY(announce(source));
    KTLS_TRY(send_block(source, *range));
    if (source.finish_block()) {
      bool whole = !source.changed() && unchanged(source.file.get(), source.attributes);
      KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
      wire::BlockFileEnd{source.id, whole}.write(link_->out());
      if (whole) {
        session().files.fetch_add(1, std::memory_order_relaxed);
      } else {
        session().bytes.fetch_sub(source.size(), std::memory_order_relaxed);
        wire::Report report = wire::Report::from(changed_while_read());
        report.path = source.directory->path_of(source.name);
        sender_.add_skipped(source.directory->id, source.name, report);
        KTLS_TRY(send_skipped(std::move(report)));
      }
    }
    KTLS_TRY(between_entries());
    if (link_->connection().key_nearly_spent()) return Status();
  }
  return Status();
}

Status SenderWorker::send_block(BlockSource& source, BlockSource::Range range) {
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  wire::Block{source.id, range.offset, range.length}.write(link_->out());
  hash_.reset();
  uint64_t sent = 0;
  Status status = send_content(source.file.get(), range.offset, range.length, &sent);
  if (!status.ok() && !status.is(Code::file_changed)) return status;
  if (status.is(Code::file_changed)) {
    // The block was announced with its length: the rest is zeros, and the file is given up at its end.
    source.mark_changed();
    while (sent < range.length) {
      size_t count = std::min<uint64_t>(kChunk, range.length - sent);
      KTLS_TRY(link_->reserve(count, patience()));
      link_->out().begin(wire::FrameType::file_data);
      std::fill_n(link_->out().position(), count, uint8_t{0});
      hash_.update({link_->out().position(), count});
      link_->out().advance(count);
      link_->out().end();
      sent += count;
      session().bytes.fetch_add(count, std::memory_order_relaxed);
      KTLS_TRY(flush());
    }
  }
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  write_hash(wire::FrameType::block_end);
  return Status();
}

Status SenderWorker::send_symlink(const fs::Batch& batch, const fs::Entry& entry) {
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  wire::SymlinkFrame{batch.directory->id, to_wire(entry.metadata), entry.name, entry.target}.write(
      link_->out());
  session().symlinks.fetch_add(1, std::memory_order_relaxed);
  return Status();
}

Status SenderWorker::send_skipped(wire::Report report) {
  KTLS_TRY(link_->reserve(wire::kMaxMessageLength, patience()));
  report.write(link_->out(), wire::FrameType::skipped);
  return Status();
}

Status SenderWorker::skip(const fs::Batch& batch, const fs::Entry& entry, Status reason) {
  std::string path = batch.directory->path_of(entry.name);
  if (is_exhaustion(reason.error_number())) return std::move(reason).with_path(std::move(path));
  wire::Report report = wire::Report::from(reason);
  report.path = std::move(path);
  sender_.add_skipped(batch.directory->id, entry.name, report);
  return send_skipped(std::move(report));
}

// --- Content ---------------------------------------------------------------------------------------

Status SenderWorker::send_content(int file, uint64_t offset, uint64_t length, uint64_t* sent) {
  return mode_ == Mode::read_send ? copy_content(file, offset, length, sent)
                                  : zero_copy_content(file, offset, length, sent);
}

Status SenderWorker::copy_content(int file, uint64_t offset, uint64_t length, uint64_t* sent) {
  for (*sent = 0; *sent < length;) {
    size_t wanted = std::min<uint64_t>(kChunk, length - *sent);
    KTLS_TRY(link_->reserve(wanted, patience()));
    wire::Writer& out = link_->out();
    size_t start = out.length();
    out.begin(wire::FrameType::file_data);
    const ssize_t count = read_at(file, {out.position(), wanted}, static_cast<off_t>(offset + *sent));
    if (count <= 0) {
      int error = errno;
      out.truncate(start);
      if (count == 0) return changed_while_read();
      return Status::fail(Code::file_changed,
                          std::string("the file could not be read to its end: ") + strerrordesc_np(error));
    }
    auto length_read = static_cast<size_t>(count);
    hash_.update({out.position(), length_read});
    out.advance(length_read);
    out.end();
    *sent += length_read;
    session().bytes.fetch_add(length_read, std::memory_order_relaxed);
    KTLS_TRY(flush_if_full());
  }
  return Status();
}

Status SenderWorker::zero_copy_content(int file, uint64_t offset, uint64_t length, uint64_t* sent) {
  for (*sent = 0; *sent < length;) {
    size_t wanted = std::min<uint64_t>(kZeroCopyChunk, length - *sent);
    KTLS_TRY(link_->reserve(0, patience()));
    link_->out().header(wire::FrameType::file_data, wanted);
    KTLS_TRY(flush());
    size_t count = 0;
    KTLS_TRY(mode_ == Mode::splice ? link_->splice_file(file, offset + *sent, wanted, &count, patience())
                                   : link_->send_file(file, offset + *sent, wanted, &count, patience()));
    session().bytes.fetch_add(count, std::memory_order_relaxed);
    *sent += count;
    if (count < wanted) {
      KTLS_TRY(pad(wanted - count));
      *sent += wanted - count;
      session().bytes.fetch_add(wanted - count, std::memory_order_relaxed);
      return changed_while_read();
    }
  }
  return Status();
}

Status SenderWorker::pad(size_t count) {
  while (count > 0) {
    size_t part = std::min(count, link_->out().space());
    std::fill_n(link_->out().position(), part, uint8_t{0});
    link_->out().advance(part);
    count -= part;
    KTLS_TRY(link_->flush(patience()));
  }
  return Status();
}

void SenderWorker::write_hash(wire::FrameType type) {
  wire::Writer& out = link_->out();
  out.begin(type);
  hash_.finish(out.position());
  out.advance(hash_.length());
  out.end();
}

}  // namespace ktls::engine

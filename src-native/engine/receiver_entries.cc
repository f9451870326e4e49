// ReceiverWorker: what each frame of an entry does to the sink.
#include <errno.h>

#include "engine/receiver_worker.h"
#include "engine/wire_metadata.h"
#include "wire/entry.h"

namespace ktls::engine {

// --- Entries ---------------------------------------------------------------------------------------

Status ReceiverWorker::carry_entries() {
  if (carries_entries_) return Status();
  KTLS_TRY(receiver_.begin_entries());
  carries_entries_ = true;
  return Status();
}

bool ReceiverWorker::directory_failed(uint32_t id) const {
  return receiver_.failed_directories_.contains(id);
}

Status ReceiverWorker::missing_directory(const char* syscall, uint32_t directory,
                                         const std::string& name) const {
  return Status::system(syscall, ENOENT,
                        receiver_.failed_directories_.path_of(directory, name, *receiver_.sink_));
}

Status ReceiverWorker::directory(Bytes payload) {
  Result<wire::DirectoryFrame> frame = wire::DirectoryFrame::parse(payload);
  if (!frame.ok()) return std::move(frame).status();
  KTLS_TRY(carry_entries());
  if (frame->id >= receiver_.options_.sink.max_directories) {
    return Status::fail(Code::limit, "the tree has more directories than this receiver takes: " +
                                         std::to_string(receiver_.options_.sink.max_directories));
  }
  if (directory_failed(frame->id)) return Status();
  bool first = receiver_.first_announcement(frame->id);
  std::string name(frame->name);
  Status added =
      directory_failed(frame->parent)
          ? missing_directory("mkdirat", frame->parent, name)
          : receiver_.sink_->add_directory(frame->id, frame->parent, name, from_wire(frame->attributes));
  if (!added.ok()) {
    // Where the transfer ends with it, each connection meets it itself: what is below must not be named
    // first.
    if (receiver_.options_.continue_on_error) {
      receiver_.failed_directories_.add(frame->id, frame->parent, name);
    }
    return first ? name_lost(frame->parent, name, std::move(added)) : entry_failed(std::move(added));
  }
  if (first && frame->id != 0) session().directories.fetch_add(1, std::memory_order_relaxed);
  session().set_current_path(receiver_.sink_->path_of(frame->parent, name));
  return Status();
}

Status ReceiverWorker::file_header(Bytes payload) {
  Result<wire::FileHeader> file = wire::FileHeader::parse(payload);
  if (!file.ok()) return std::move(file).status();
  KTLS_TRY(carry_entries());
  state_ = State::file;
  file_directory_ = file->directory;
  file_name_.assign(file->name);
  file_size_ = content_left_ = file->size;
  file_metadata_ = from_wire(file->attributes);
  hash_.reset();
  if (directory_failed(file_directory_)) {
    return name_failed(file_directory_, file_name_, missing_directory("openat", file_directory_, file_name_));
  }
  Result<std::unique_ptr<fs::FileSink>> made =
      receiver_.sink_->create_file(file_directory_, file_name_, file_size_);
  if (!made.ok()) return name_failed(file_directory_, file_name_, std::move(made).status());
  file_ = std::move(*made);
  return Status();
}

Status ReceiverWorker::file_end(Bytes payload) {
  if (content_left_ > 0) return wire::malformed("FILE_END");
  state_ = State::between;
  std::unique_ptr<fs::FileSink> file = std::move(file_);
  if (!file) {
    receiver_.failed_.fetch_add(1, std::memory_order_relaxed);
    return Status();
  }
  Status finished = hash_.check(payload);
  if (finished.is(Code::integrity)) {
    finished = std::move(finished).with_path(receiver_.sink_->path_of(file_directory_, file_name_));
  }
  if (finished.ok()) finished = file->finish(file_size_, file_metadata_);
  if (!finished.ok()) return name_lost(file_directory_, file_name_, std::move(finished));
  session().files.fetch_add(1, std::memory_order_relaxed);
  return Status();
}

Status ReceiverWorker::file_abort() {
  state_ = State::between;
  session().bytes.fetch_sub(file_size_ - content_left_, std::memory_order_relaxed);
  file_.reset();
  return Status();
}

Status ReceiverWorker::symlink(Bytes payload) {
  Result<wire::SymlinkFrame> frame = wire::SymlinkFrame::parse(payload);
  if (!frame.ok()) return std::move(frame).status();
  KTLS_TRY(carry_entries());
  std::string name(frame->name);
  Status made = directory_failed(frame->directory)
                    ? missing_directory("symlinkat", frame->directory, name)
                    : receiver_.sink_->symlink(frame->directory, name, std::string(frame->target),
                                               from_wire(frame->attributes));
  if (!made.ok()) return name_lost(frame->directory, name, std::move(made));
  session().symlinks.fetch_add(1, std::memory_order_relaxed);
  return Status();
}

Status ReceiverWorker::hard_link(Bytes payload) {
  Result<wire::HardLinkFrame> frame = wire::HardLinkFrame::parse(payload);
  if (!frame.ok()) return std::move(frame).status();
  KTLS_TRY(carry_entries());
  std::string name(frame->name);
  Status made = make_hard_link(*frame, name);
  if (!made.ok()) return name_lost(frame->directory, name, std::move(made));
  session().hard_links.fetch_add(1, std::memory_order_relaxed);
  return Status();
}

Status ReceiverWorker::make_hard_link(const wire::HardLinkFrame& frame, const std::string& name) {
  if (directory_failed(frame.directory) || directory_failed(frame.target_directory)) {
    return missing_directory("linkat", frame.directory, name);
  }
  Status target = receiver_.lost_names_.check(frame.target_directory, frame.target_name);
  if (!target.ok()) {
    return std::move(std::move(target).with_path(receiver_.sink_->path_of(frame.directory, name)));
  }
  return receiver_.sink_->hard_link(frame.directory, name, frame.target_directory,
                                    std::string(frame.target_name));
}

// --- Large files in blocks -------------------------------------------------------------------------

Status ReceiverWorker::block_file(Bytes payload) {
  Result<wire::BlockFile> frame = wire::BlockFile::parse(payload);
  if (!frame.ok()) return std::move(frame).status();
  KTLS_TRY(carry_entries());
  Status reason;
  bool missing = directory_failed(frame->header.directory);
  Result<std::shared_ptr<BlockFile>> file =
      receiver_.block_files_.announce(*frame, *receiver_.sink_, missing, &reason);
  if (!file.ok()) return std::move(file).status();
  if (missing && !reason.ok()) reason = missing_directory("openat", (*file)->directory, (*file)->name);
  return reason.ok() ? Status() : name_failed((*file)->directory, (*file)->name, std::move(reason));
}

Status ReceiverWorker::block(Bytes payload) {
  Result<wire::Block> frame = wire::Block::parse(payload);
  if (!frame.ok()) return std::move(frame).status();
  Result<std::shared_ptr<BlockFile>> file = receiver_.block_files_.find(frame->file);
  if (!file.ok()) return std::move(file).status();
  KTLS_TRY(receiver_.block_files_.claim(**file, frame->offset, frame->length));
  state_ = State::block;
  block_file_ = std::move(*file);
  block_offset_ = frame->offset;
  block_length_ = content_left_ = frame->length;
  hash_.reset();
  return Status();
}

Status ReceiverWorker::block_end(Bytes payload) {
  if (content_left_ > 0) return wire::malformed("BLOCK_END");
  state_ = State::between;
  std::shared_ptr<BlockFile> file = std::move(block_file_);
  Status checked = hash_.check(payload);
  if (checked.is(Code::integrity)) {
    checked = block_failed(
        *file, std::move(checked).with_path(receiver_.sink_->path_of(file->directory, file->name)));
  }
  KTLS_TRY(std::move(checked));
  Result<BlockFiles::State> state = receiver_.block_files_.advance(file, block_length_, std::nullopt);
  return state.ok() ? finish_block_file(*file, *state) : std::move(state).status();
}

Status ReceiverWorker::block_failed(BlockFile& file, Status reason) {
  if (!receiver_.block_files_.mark_failed(file)) return Status();
  return name_failed(file.directory, file.name, std::move(reason));
}

Status ReceiverWorker::block_file_end(Bytes payload) {
  Result<wire::BlockFileEnd> frame = wire::BlockFileEnd::parse(payload);
  if (!frame.ok()) return std::move(frame).status();
  Result<std::shared_ptr<BlockFile>> file = receiver_.block_files_.find(frame->file);
  if (!file.ok()) return std::move(file).status();
  Result<BlockFiles::State> state = receiver_.block_files_.advance(*file, 0, frame->whole);
  return state.ok() ? finish_block_file(**file, *state) : std::move(state).status();
}

Status ReceiverWorker::finish_block_file(BlockFile& file, BlockFiles::State state) {
  switch (state) {
    case BlockFiles::State::open:
      return Status();
    case BlockFiles::State::whole: {
      Status finished = file.sink->finish(file.size, file.metadata);
      if (!finished.ok()) return name_lost(file.directory, file.name, std::move(finished));
      session().files.fetch_add(1, std::memory_order_relaxed);
      return Status();
    }
    case BlockFiles::State::failed:
      receiver_.failed_.fetch_add(1, std::memory_order_relaxed);
      file.sink.reset();
      return Status();
    case BlockFiles::State::given_up:
      session().bytes.fetch_sub(file.size, std::memory_order_relaxed);
      file.sink.reset();
      return Status();
  }
  return Status();
}

// --- Content ---------------------------------------------------------------------------------------

Status ReceiverWorker::begin_data(size_t length) {
  if (state_ != State::file && state_ != State::block) return out_of_order(wire::FrameType::file_data);
  if (length == 0 || length > content_left_) return wire::malformed("FILE_DATA");
  data_left_ = length;
  return Status();
}

Status ReceiverWorker::content(Bytes data) {
  hash_.update(data);
  uint64_t offset = block_offset_ + (block_length_ - content_left_);
  content_left_ -= data.size();
  session().bytes.fetch_add(data.size(), std::memory_order_relaxed);
  if (state_ == State::file) {
    if (!file_) return Status();
    Status written = file_->write(data);
    if (written.ok()) return written;
    file_.reset();
    return name_failed(file_directory_, file_name_, std::move(written));
  }
  if (!block_file_->sink || receiver_.block_files_.has_failed(*block_file_)) return Status();
  Status written = write_in_turn(data.size(), offset);
  if (written.ok()) return written;
  return block_failed(*block_file_, std::move(written));
}

Status ReceiverWorker::write_in_turn(size_t count, uint64_t offset) {
  std::unique_lock turn(block_file_->writing, std::try_to_lock);
  // An error shows again at the next fill, when what came before it has been written.
  while (!turn.owns_lock() && link_->has_room() && fill_now().ok()) (void)turn.try_lock();
  if (!turn.owns_lock()) turn.lock();
  return block_file_->sink->write_at(link_->pending().first(count), offset);
}

}  // namespace ktls::engine

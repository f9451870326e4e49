// One connection of a receiver, on its own thread.
//
// States, changed by the frames that come:
//   between    no file is open: every frame of an entry may come; CONN_DONE → closing, ALL_DONE → closing
//   file       after FILE_HDR: FILE_DATA; FILE_END or FILE_ABORT → between
//   block      after BLOCK: FILE_DATA; BLOCK_END → between
//   closing    close_notify comes next; nothing else may
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "engine/file_hash.h"
#include "engine/receiver.h"

namespace ktls::engine {

// What to answer to a frame that may not come in the present state.
Status out_of_order(wire::FrameType type);

class ReceiverWorker {
 public:
  ReceiverWorker(Receiver& receiver, std::unique_ptr<Link> link, FileHash hash);
  void run();

  // Called now and then on another thread, as often as beat_interval() says: tells the sender that this end
  // is alive, where the worker has not lately, being in the file system or waiting for another.
  void beat();
  static std::chrono::milliseconds beat_interval(const Session& session);

 private:
  enum class State : uint8_t { between, file, block, closing };

  Status work();
  // As of Link; says the progress when it is due.
  Status fill();
  Status fill_now();
  // Handles every whole frame that has arrived, and file content as far as it has.
  Status consume();
  enum class Small : uint8_t { taken, incomplete, not_small };
  // The hot path: a small file that has arrived whole, in one FILE_DATA.
  Result<Small> consume_small_file(Bytes pending, size_t header_length);
  Status handle(wire::FrameType type, Bytes payload);

  // Before the first frame of an entry on this connection.
  Status carry_entries();
  Status directory(Bytes payload);
  Status file_header(Bytes payload);
  Status file_end(Bytes payload);
  Status file_abort();
  Status symlink(Bytes payload);
  Status hard_link(Bytes payload);
  Status make_hard_link(const wire::HardLinkFrame& frame, const std::string& name);
  Status block_file(Bytes payload);
  Status block(Bytes payload);
  Status block_end(Bytes payload);
  Status block_failed(BlockFile& file, Status reason);
  Status block_file_end(Bytes payload);
  Status finish_block_file(BlockFile& file, BlockFiles::State state);
  Status skipped(Bytes payload);
  Status totals(Bytes payload);
  Status all_done(Bytes payload);

  Status begin_data(size_t length);
  // `data` is at the front of what is pending.
  Status content(Bytes data);
  // The same of a block. One connection at a time writes to a file, and the others take in what has come
  // meanwhile: the kernel would have them spin for the inode's lock.
  Status write_in_turn(size_t count, uint64_t offset);
  // Whether the directory could not be made, so that its entries cannot be either.
  bool directory_failed(uint32_t id) const;
  // What is said of such an entry.
  Status missing_directory(const char* syscall, uint32_t directory, const std::string& name) const;

  // An entry could not be written: the sender is told, and the transfer goes on or ends as `onError`
  // says. What no honest sender does always ends it.
  Status entry_failed(Status reason);
  // The same of a name, to which no hard link is made any more.
  Status name_failed(uint32_t directory, const std::string& name, Status reason);
  // The same for an entry that has ended with it.
  Status name_lost(uint32_t directory, const std::string& name, Status reason);
  // Both with talking_ held.
  Status say_progress(const Patience& patience);
  bool progress_is_due() const;
  // Renames everything into place, and tells the sender of directories whose attributes are refused. Where
  // the transfer ends with such a one, it does when the rest is in place.
  Status commit();

  Session& session() { return *receiver_.session_; }
  Patience patience() const { return receiver_.session_->patience(); }

  Receiver& receiver_;
  std::unique_ptr<Link> link_;
  // Held by who reads from the connection or writes, which beat() does when the worker does not: it guards
  // that part of the link, and the two below.
  std::mutex talking_;
  std::chrono::steady_clock::time_point last_progress_ = std::chrono::steady_clock::now();
  bool answered_ = false;  // ALL_DONE was sent: nothing may follow it
  FileHash hash_;
  State state_ = State::between;
  bool carries_entries_ = false;
  size_t data_left_ = 0;  // of the file_data frame whose payload is coming

  // state file
  uint32_t file_directory_ = 0;
  std::string file_name_;
  uint64_t file_size_ = 0;
  fs::Metadata file_metadata_;
  std::unique_ptr<fs::FileSink> file_;  // null: it could not be made or written, content is dropped
  // state block
  std::shared_ptr<BlockFile> block_file_;
  uint64_t block_length_ = 0;
  uint64_t block_offset_ = 0;
  // both
  uint64_t content_left_ = 0;
};

}  // namespace ktls::engine

// One connection of a sender, on its own thread.
//
// States, as the receiver sees them through the frames:
//   working    after HELLO_OK; takes work from the queue until there is none, or until the
//              connection's key is spent → leaving
//   leaving    says CONN_DONE and close_notify, waits for the receiver's close_notify → ended
//   finishing  the last worker only, when all others have ended: HARD_LINKs, ALL_DONE, waits for the
//              receiver's ALL_DONE → ended
//   ended      after close_notify from both, or after an error
#pragma once

#include <memory>
#include <vector>

#include "engine/file_hash.h"
#include "engine/sender.h"

namespace ktls::engine {

class SenderWorker {
 public:
  SenderWorker(Sender& sender, std::unique_ptr<Link> link, FileHash hash);
  void run();

 private:
  Status work();
  Status leave();
  Status finish();

  Status send_batch(const fs::Batch& batch);
  Status send_file(const fs::Batch& batch, const fs::Entry& entry);
  // Buffers a file of at most kSmallFile bytes, for which there is room. What fails is the file's fault, also
  // where it is not what `holds` wants once it has been read: then nothing of it is buffered.
  template <typename Holds>
  Status put_small(const fs::Batch& batch, const fs::Entry& entry, int file, size_t size,
                   const fs::Metadata& metadata, const Holds& holds);
  Status send_large(const fs::Batch& batch, const fs::Entry& entry, int file, const struct stat& attributes);
  Status send_blocks(BlockSource& source);
  Status send_block(BlockSource& source, BlockSource::Range range);
  Status send_symlink(const fs::Batch& batch, const fs::Entry& entry);
  Status send_skipped(wire::Report report);
  // Ends the transfer where the reason is not the entry's own.
  Status skip(const fs::Batch& batch, const fs::Entry& entry, Status reason);

  // Content of the open file or block as file_data frames, hashed on the way. file_changed when the
  // file has become shorter or cannot be read: what was `sent` is then of no use.
  Status send_content(int file, uint64_t offset, uint64_t length, uint64_t* sent);
  Status copy_content(int file, uint64_t offset, uint64_t length, uint64_t* sent);
  Status zero_copy_content(int file, uint64_t offset, uint64_t length, uint64_t* sent);
  // Completes a file_data frame whose length is out already.
  Status pad(size_t count);
  void write_hash(wire::FrameType type);

  // A directory is announced on a connection before the first frame that names it.
  Status announce(const std::shared_ptr<const fs::Directory>& directory);
  Status announce(const BlockSource& source);

  // Sends what is buffered, and looks at what the receiver has said meanwhile.
  Status flush();
  Status flush_if_full();
  Status say_totals();
  // Says the totals from time to time, which may not be done while a file or a block is open.
  Status between_entries();
  // While this connection waits for others: what has come is taken in, and the totals are said in time.
  Status keep_in_touch();
  Status take_incoming();
  // What one read brings; would_block when nothing has come.
  Status take_some();
  Status handle_pending();
  Status handle(const Link::Frame& frame);
  // A write that failed says less than the ERROR that the receiver may have sent before it closed.
  Status explain(Status broken);

  Patience patience() const { return sender_.session_->patience(); }
  Session& session() { return *sender_.session_; }

  Sender& sender_;
  std::unique_ptr<Link> link_;
  const Mode mode_;
  // Both shorter where the idle limit is.
  const std::chrono::milliseconds longest_silence_;
  const std::chrono::milliseconds totals_every_;
  FileHash hash_;
  std::vector<bool> announced_;
  std::vector<uint32_t> announced_files_;
  std::chrono::steady_clock::time_point last_totals_{};
  std::chrono::steady_clock::time_point last_flush_ = std::chrono::steady_clock::now();
  bool at_work_ = false;   // PROGRESS has come
  bool asked_ = false;     // ALL_DONE was sent
  bool answered_ = false;  // ALL_DONE has come
  Status peer_error_;      // ERROR has come
};

}  // namespace ktls::engine

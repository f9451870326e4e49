// Application data of one connection, sent piece by piece as the connection takes it: a range of a
// file, or memory. Never waits for the peer; it may wait for the disk.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "tls/chunk_queue.h"
#include "tls/connection.h"
#include "tls/read_ahead.h"

namespace ktls::tls {

struct FileRange {
  Fd file;
  off_t offset;
  size_t count;
};

// What advance() reads files into: 16 records, as many as our own record layer seals for one send.
inline constexpr size_t kSendBuffer = 16 * kMaxPlaintext;
// What advance_cached() seals for one send, at most.
inline constexpr size_t kLargestPiece = 4 * kMaxPlaintext;

class SendJob {
 public:
  // The chunks, then the range. `sent` grows with what the connection has accepted. By sendfile(2) where the
  // record layer is the kernel's, else through a buffer. Short chunks share their record with the file's
  // beginning, whose bytes are read for that by either.
  SendJob(std::shared_ptr<Connection> connection, ChunkQueue chunks, FileRange range,
          std::shared_ptr<std::atomic<uint64_t>> sent);

  int fd() const { return connection_->fd(); }
  // Bytes that are still to be sent, and those of the file among them.
  size_t length() const { return chunks_.length() + range_.count; }
  size_t left_of_file() const { return range_.count; }
  // Has a thread of its own read the file, from the next advance() on, where that is not the kernel's to do:
  // its record layer sends by sendfile(2). Without, where no thread can be made.
  void read_ahead() { wants_ahead_ = true; }

  // Copies what is left of the chunks, whose memory then need not outlive it any more.
  void own_chunks() { chunks_.own(); }

  // Goes on until the kernel takes no more (would_block: when the descriptor is writable, again), or for
  // a turn's worth (ok, and not ended()). `buffer` has kSendBuffer bytes; nothing is kept in it.
  Status advance(MutableBytes buffer);
  // The same for `most` bytes, where waiting for the disk would hold up others: would_block then, too. What
  // our own record layer seals is sent by the piece, of a record or more, and each is twice the one before up
  // to kLargestPiece: the peer, which has nothing to do yet, opens one while the next is sealed.
  Status advance_cached(MutableBytes buffer, size_t first_piece, size_t most);
  // Instead of going on.
  void cancel();
  // The kernel has every byte, or advance() has returned another error than would_block: file_changed
  // where the file ended before the range, after what there was of it has been sent.
  bool ended() const { return ended_; }

 private:
  Status advance_by(size_t budget, MutableBytes buffer);
  Status send(MutableBytes buffer, size_t& budget);
  Result<size_t> send_some(MutableBytes buffer, size_t budget);
  Result<size_t> send_chunks(size_t budget);
  Result<size_t> copy_from_file(MutableBytes buffer, size_t wanted);
  bool reads_ahead();
  // `head`, and what follows it of the file.
  Result<Bytes> fill(MutableBytes buffer, Bytes head, size_t wanted) const;
  Result<size_t> read_file(MutableBytes into) const;
  bool is_cached() const;
  bool complete() const { return chunks_.empty() && range_.count == 0; }

  std::shared_ptr<Connection> connection_;
  ChunkQueue chunks_;
  FileRange range_;
  bool wants_ahead_ = false;
  // Null where nobody reads ahead. It goes before the descriptor that it reads from.
  std::unique_ptr<ReadAhead> ahead_;
  // While nothing is waited for.
  std::optional<size_t> piece_;
  std::shared_ptr<std::atomic<uint64_t>> sent_;
  // What send() ended with; it is told when nothing that was accepted is left in user space.
  Status failure_;
  bool flushing_ = false;
  bool ended_ = false;
};

}  // namespace ktls::tls

// A range of a file, read by a thread of its own while another seals and sends what was read before.
#pragma once

#include <sys/types.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/bytes.h"
#include "base/status.h"

namespace ktls::tls {

class ReadAhead {
 public:
  // Reads `count` bytes from `offset` on, `piece` bytes at a time. `file` stays the caller's, and open as
  // long as this lives. Fails where no thread can be made.
  static Result<std::unique_ptr<ReadAhead>> start(int file, off_t offset, size_t count, size_t piece);
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  // Waits for the read that is under way, if one is, and for nothing else.
  ~ReadAhead();

  // What comes next, while not all of the range has been consumed: the rest of a piece, valid until it has
  // been consumed. No bytes where the file ends; behind what it had read, what pread(2) failed with. Waits
  // for the disk.
  Result<Bytes> next();
  // At least one byte of what next() gave.
  void consume(size_t count);

 private:
  // One is sent while the other is filled.
  static constexpr size_t kBuffers = 2;
  // What one pread(2) gave.
  struct Piece {
    std::unique_ptr<uint8_t[]> buffer;
    size_t length = 0;
    int error = 0;
  };

  ReadAhead(int file, off_t offset, size_t count, size_t piece);

  void run();
  bool wait_for_room();
  // Whether more may follow.
  bool read(Piece& piece);

  // The thread's own: what is still to be read.
  const int file_;
  const size_t piece_;
  off_t offset_;
  size_t left_;

  // The caller's own: the piece that is next, and how much of it has been consumed.
  size_t current_ = 0;
  size_t consumed_ = 0;

  // Of the pieces, full_ from current_ on belong to the caller, the others to the thread.
  std::array<Piece, kBuffers> pieces_;
  std::mutex mutex_;  // guards full_ and stopping_
  // Either waits, never both: no piece is full, or each is.
  std::condition_variable changed_;
  size_t full_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ktls::tls

#include "tls/read_ahead.h"

#include <errno.h>

#include <algorithm>

#include "base/read_at.h"
#include "base/thread.h"

namespace ktls::tls {

ReadAhead::ReadAhead(int file, off_t offset, size_t count, size_t piece)
    : file_(file), piece_(piece), offset_(offset), left_(count) {
  for (Piece& each : pieces_) each.buffer.reset(new uint8_t[piece]);
}

Result<std::unique_ptr<ReadAhead>> ReadAhead::start(int file, off_t offset, size_t count, size_t piece) {
  std::unique_ptr<ReadAhead> ahead(new ReadAhead(file, offset, count, piece));
  Result<std::thread> thread = start_thread("ktls-read", [raw = ahead.get()] { raw->run(); });
  if (!thread.ok()) return std::move(thread).status();
  ahead->thread_ = std::move(*thread);
  return ahead;
}

ReadAhead::~ReadAhead() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

Result<Bytes> ReadAhead::next() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return full_ > 0; });
  }
  const Piece& piece = pieces_[current_];
  if (piece.error != 0) return Status::system("pread", piece.error);
  return Bytes(piece.buffer.get(), piece.length).subspan(consumed_);
}

void ReadAhead::consume(size_t count) {
  consumed_ += count;
  if (consumed_ < pieces_[current_].length) return;
  current_ = (current_ + 1) % kBuffers;
  consumed_ = 0;
  {
    std::lock_guard lock(mutex_);
    --full_;
  }
  changed_.notify_one();
}

void ReadAhead::run() {
  for (size_t i = 0; left_ > 0 && wait_for_room(); i = (i + 1) % kBuffers) {
    const bool more = read(pieces_[i]);
    {
      std::lock_guard lock(mutex_);
      ++full_;
    }
    changed_.notify_one();
    if (!more) return;
  }
}

// False when nobody wants more.
bool ReadAhead::wait_for_room() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || full_ < kBuffers; });
  return !stopping_;
}

bool ReadAhead::read(Piece& piece) {
  const ssize_t got = read_at(file_, {piece.buffer.get(), std::min(left_, piece_)}, offset_);
  piece.error = got < 0 ? errno : 0;
  piece.length = got < 0 ? 0 : static_cast<size_t>(got);
  offset_ += static_cast<off_t>(piece.length);
  left_ -= piece.length;
  return piece.length > 0;
}

}  // namespace ktls::tls

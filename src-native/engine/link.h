// A connection of a transfer with its two buffers: frames go out through one and come in through the
// other. Lives from HELLO to close_notify, on one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "tls/connection.h"
#include "wire/frame.h"
#include "wire/hello.h"
#include "wire/writer.h"

namespace ktls::engine {

using Patience = tls::Connection::Patience;

class Link {
 public:
  explicit Link(std::unique_ptr<tls::Connection> connection);

  tls::Connection& connection() { return *connection_; }

  // Of the content hashes on this connection: whoever opened it chose it, in HELLO.
  wire::HashKey hash_key{};

  // --- Out ---------------------------------------------------------------------------------------

  // Called when a write has to wait and something has come: takes some of it in, so that two ends that both
  // write never wait for each other to read. True where the peer says that it is at work: the idle limit then
  // begins anew. An error ends the write. Unset: what comes waits.
  std::function<Result<bool>()> while_waiting;

  // What is written here leaves at the next flush().
  wire::Writer& out() { return out_; }
  // Makes room for a message, flushing if needed.
  Status reserve(size_t payload, const Patience& patience);
  Status flush(const Patience& patience);
  // The content of a frame whose header went out before: straight from a file. `count` bytes, less
  // only at the file's end; `sent` says how many.
  Status send_file(int file, uint64_t offset, size_t count, size_t* sent, const Patience& patience);
  Status splice_file(int file, uint64_t offset, size_t count, size_t* sent, const Patience& patience);
  // Forgets what no flush has begun to send; completes a flush that was broken off. Before last words.
  Status give_up_unsent(const Patience& patience);
  // False when a file was broken off inside a frame: nothing more can be said on this connection.
  bool at_frame_boundary() const { return at_frame_boundary_; }

  // --- In ----------------------------------------------------------------------------------------

  // What has arrived and is not consumed.
  Bytes pending() const { return {in_.get() + begin_, end_ - begin_}; }
  void consume(size_t count) { begin_ += count; }
  // Adds at least a byte to pending(). What pending() returned before is then invalid.
  // idle_timeout; truncated or end_of_stream at the end.
  Status fill(const Patience& patience);
  // The same without waiting: would_block.
  Status fill_now();
  // Whether a fill is worth its system call.
  bool has_room() const { return kInCapacity - (end_ - begin_) >= kWorthReading; }

  struct Frame {
    wire::FrameType type;
    Bytes payload;  // valid until the next fill
  };
  // The frame at the front, if it is there whole; it stays pending until consume_frame(). protocol when
  // it is file_data, which an end that uses this never expects.
  Result<std::optional<Frame>> front_frame();
  void consume_frame(const Frame& frame) { consume(wire::kFrameHeaderLength + frame.payload.size()); }
  // Waits for it, for the idle limit in all: a peer that sends a byte now and then must not hold it up.
  // Frames of unknown, ignorable types are passed over.
  Result<Frame> next_frame(const Patience& patience);

  // --- End ---------------------------------------------------------------------------------------

  // Sends close_notify behind everything written.
  Status close_notify(const Patience& patience);
  // After close_notify: reads and drops until the peer has closed too, so that no reset overtakes
  // our last words. Gives up without an error when `patience` ends.
  void linger(const Patience& patience);

 private:
  Status wait_writable(const Patience& patience);
  void compact();

  // With less room than this behind what is pending, pending bytes are moved to the front.
  static constexpr size_t kWorthReading = size_t{128} << 10;
  static constexpr size_t kOutCapacity = size_t{640} << 10;
  static constexpr size_t kInCapacity = size_t{512} << 10;

  std::unique_ptr<tls::Connection> connection_;
  wire::Writer out_{kOutCapacity};
  size_t flushed_ = 0;  // of out_, by a flush that has not come to its end
  bool at_frame_boundary_ = true;
  std::unique_ptr<uint8_t[]> in_;
  size_t begin_ = 0;
  size_t end_ = 0;
  Fd pipe_[2];  // of splice_file, made at its first use
};

}  // namespace ktls::engine

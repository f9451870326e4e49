// Application data that waits to be written: chunks of memory, taken from the front.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"

namespace ktls::tls {

class ChunkQueue {
 public:
  // The memory must outlive what is left here, up to own().
  void push(Bytes chunk);

  // Copies what is left.
  void own();

  bool empty() const { return length_ == 0; }
  // Bytes.
  size_t length() const { return length_; }
  // The next bytes to write, none only where none are left: of a chunk, or several short ones made one, so
  // that they share records and calls. Valid until the next call of any queue on this thread.
  Bytes front() const;
  // `count` bytes from the front have been written; at most length().
  void consume(size_t count);

 private:
  // None is empty. What lies before next_ has been consumed, and so have taken_ bytes of the one that is
  // next.
  std::vector<Bytes> chunks_;
  std::unique_ptr<uint8_t[]> owned_;  // what own() has made
  size_t next_ = 0;
  size_t taken_ = 0;
  size_t length_ = 0;
};

}  // namespace ktls::tls

// Pipes and buffers that the relays of one thread share: each is held only while bytes are in it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"

namespace ktls::relay {

// Measured: 256 to 512 KiB move twice what 64 KiB do, and more gains nothing.
inline constexpr size_t kPipeSize = 512 << 10;
inline constexpr size_t kSmallestPipe = 256 << 10;
inline constexpr size_t kBufferSize = 256 << 10;

// Empty whenever it is in the pool.
struct Pipe {
  Fd reader;
  Fd writer;
  size_t size;
};

struct Buffer {
  std::unique_ptr<uint8_t[]> memory{new uint8_t[kBufferSize]};
  size_t begin = 0;
  size_t end = 0;

  Bytes content() const { return {memory.get() + begin, end - begin}; }
  bool empty() const { return begin == end; }
};

class Pools {
 public:
  // Null when none of kSmallestPipe at least can be had: the descriptors are used up, or the user's
  // share of pipe pages is (fs.pipe-user-pages-soft). The next attempts are then spared for a while.
  std::unique_ptr<Pipe> take_pipe();
  // Precondition: empty. A pipe that still holds bytes is to be destroyed instead.
  void give_back(std::unique_ptr<Pipe> pipe);

  std::unique_ptr<Buffer> take_buffer();
  void give_back(std::unique_ptr<Buffer> buffer);

 private:
  std::vector<std::unique_ptr<Pipe>> pipes_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  unsigned spared_attempts_ = 0;
};

}  // namespace ktls::relay

// A large file as the sender sees it: cut into blocks that any connection may take.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "fs/walk.h"

namespace ktls::engine {

// Shared by the workers that send its blocks. All members but the atomics are constant.
class BlockSource {
 public:
  static constexpr uint64_t kBlockLength = uint64_t{16} << 20;

  BlockSource(uint32_t id, std::shared_ptr<const fs::Directory> directory, std::string name, Fd file,
              const struct stat& attributes, uint64_t block_length);

  const uint32_t id;
  const std::shared_ptr<const fs::Directory> directory;
  const std::string name;
  const Fd file;
  const struct stat attributes;

  uint64_t size() const { return static_cast<uint64_t>(attributes.st_size); }

  struct Range {
    uint64_t offset;
    uint64_t length;
  };
  // The next block nobody has taken; nothing when all are.
  std::optional<Range> take();
  bool all_taken() const { return next_.load(std::memory_order_relaxed) >= size(); }
  // To be called after each block was sent. True for the last one: the caller then ends the file.
  bool finish_block() { return unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

  // The file was not what it was when opened: what was sent of it is not to be kept.
  void mark_changed() { changed_.store(true, std::memory_order_relaxed); }
  bool changed() const { return changed_.load(std::memory_order_relaxed); }

 private:
  const uint64_t block_length_;
  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> unfinished_;
  std::atomic<bool> changed_{false};
};

}  // namespace ktls::engine

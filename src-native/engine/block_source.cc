#include "engine/block_source.h"

#include <algorithm>

namespace ktls::engine {

BlockSource::BlockSource(uint32_t id, std::shared_ptr<const fs::Directory> directory, std::string name,
                         Fd file, const struct stat& attributes, uint64_t block_length)
    : id(id),
      directory(std::move(directory)),
      name(std::move(name)),
      file(std::move(file)),
      attributes(attributes),
      block_length_(block_length),
      unfinished_((size() + block_length - 1) / block_length) {}

std::optional<BlockSource::Range> BlockSource::take() {
  uint64_t offset = next_.fetch_add(block_length_, std::memory_order_relaxed);
  if (offset >= size()) return std::nullopt;
  return Range{offset, std::min(block_length_, size() - offset)};
}

}  // namespace ktls::engine

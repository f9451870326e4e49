#include "tls/chunk_queue.h"

#include <algorithm>
#include <utility>

#include "tls/cipher.h"

namespace ktls::tls {

void ChunkQueue::push(Bytes chunk) {
  if (chunk.empty()) return;
  chunks_.push_back(chunk);
  length_ += chunk.size();
}

void ChunkQueue::own() {
  if (empty()) return;
  std::unique_ptr<uint8_t[]> copy(new uint8_t[length_]);
  uint8_t* end = copy.get();
  for (size_t taken = std::exchange(taken_, 0); next_ < chunks_.size(); ++next_, taken = 0) {
    const Bytes left = chunks_[next_].subspan(taken);
    end = std::copy(left.begin(), left.end(), end);
  }
  next_ = 0;
  chunks_.assign(1, {copy.get(), length_});
  owned_ = std::move(copy);
}

Bytes ChunkQueue::front() const {
  constexpr size_t kShort = kMaxPlaintext;
  constexpr size_t kGathered = 4 * kMaxPlaintext;
  thread_local std::vector<uint8_t> gathered;
  if (empty()) return {};
  const Bytes first = chunks_[next_].subspan(taken_);
  if (first.size() >= kShort || next_ + 1 == chunks_.size()) return first;
  gathered.assign(first.begin(), first.end());
  for (size_t i = next_ + 1; i < chunks_.size() && chunks_[i].size() < kShort; ++i) {
    if (gathered.size() + chunks_[i].size() > kGathered) break;
    gathered.insert(gathered.end(), chunks_[i].begin(), chunks_[i].end());
  }
  return gathered;
}

void ChunkQueue::consume(size_t count) {
  length_ -= count;
  while (count > 0) {
    const size_t left = chunks_[next_].size() - taken_;
    if (count < left) {
      taken_ += count;
      return;
    }
    count -= left;
    ++next_;
    taken_ = 0;
  }
}

}  // namespace ktls::tls

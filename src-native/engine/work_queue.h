// Between the walk and the connections of a sender: batches of small work, and large files that
// everybody helps with.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "engine/block_source.h"
#include "fs/walk.h"

namespace ktls::engine {

class WorkQueue {
 public:
  explicit WorkQueue(const Cancel& cancel) : cancel_(cancel) {}

  // Waits while the workers are far behind: this is what keeps a walk of any tree in constant memory.
  // False when cancelled.
  bool push(fs::Batch batch);
  // No batch will follow.
  void close();
  // A worker has opened a large file and offers its blocks; it takes some itself.
  void share(std::shared_ptr<BlockSource> file);

  struct Nothing {};   // for the moment: the wait is over
  struct Finished {};  // nothing is left and nothing will come
  using Work = std::variant<Nothing, Finished, fs::Batch, std::shared_ptr<BlockSource>>;
  // Waits for work, at most `wait`, or until cancelled. Large files first: all hands end them sooner.
  // A worker prefers batches of the directory it worked in last, so that two workers seldom create
  // files in one directory at the other end.
  Work next(std::chrono::milliseconds wait, const fs::Directory* last);
  // To be called when a batch from next() is done with: until then it may yet bring a large file to
  // share, so nobody is told Finished.
  void done();

 private:
  static constexpr size_t kMaxBatches = 128;
  // How far next() looks for a batch of the same directory.
  static constexpr size_t kLookAhead = 16;

  const Cancel& cancel_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::deque<fs::Batch> batches_;
  std::vector<std::shared_ptr<BlockSource>> files_;
  size_t in_hand_ = 0;  // batches between next() and done()
  bool closed_ = false;
};

}  // namespace ktls::engine

// What the threads of one end of a transfer share: how to stop, what went wrong first, what has been
// done so far.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "engine/link.h"
#include "wire/report.h"

namespace ktls::engine {

struct Progress {
  uint64_t files;
  uint64_t directories;
  uint64_t bytes;
  uint64_t files_total;
  uint64_t bytes_total;
  bool totals_final;
  std::string current_path;
};

class Session {
 public:
  // `user` is set when the user aborts or the environment goes.
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<Cancel> user,
                                                 std::chrono::milliseconds idle);

  // For everything that blocks: ends with the session.
  Patience patience() const { return {*stop_, idle_}; }
  // For last words after the session has failed: short, and ended by the user all the same; shorter still
  // when it was the user who ended it, and is promised to have done within 100 ms.
  Patience farewell() const;
  std::chrono::milliseconds idle() const { return idle_; }

  // Ends the session with an error: the first one given is the one reported. `cancelled` is what
  // threads return when they were stopped: it says nothing new and is dropped. A connection that broke
  // says less than the ERROR frame that may be about to arrive on another: it waits for that a moment.
  void fail(const Status& status);
  // The work is done: whoever still waits, stops.
  void stop() { stop_->set(); }
  bool stopped() const { return stop_->is_set(); }
  bool aborted() const { return user_->is_set(); }
  // ok as long as nothing failed; cancelled when the user aborted first.
  Status outcome() const;

  std::atomic<uint64_t> files{0};
  std::atomic<uint64_t> directories{0};
  std::atomic<uint64_t> symlinks{0};
  std::atomic<uint64_t> hard_links{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> files_total{0};
  std::atomic<uint64_t> bytes_total{0};
  std::atomic<bool> totals_final{false};

  // An entry that is not, or will not be, at the other end, and why.
  void add_skipped(wire::Report report);
  void set_current_path(std::string path);
  Progress progress() const;
  // To be called when no thread is left.
  std::vector<wire::Report> take_skipped() { return std::move(skipped_); }
  uint64_t skipped_total() const;

 private:
  Session(std::shared_ptr<Cancel> user, std::shared_ptr<Cancel> stop, std::shared_ptr<Cancel> never,
          std::chrono::milliseconds idle)
      : user_(std::move(user)), stop_(std::move(stop)), never_(std::move(never)), idle_(idle) {}

  static constexpr size_t kMaxSkippedKept = 10'000;

  std::shared_ptr<Cancel> user_;
  std::shared_ptr<Cancel> stop_;
  std::shared_ptr<Cancel> never_;  // nobody sets it
  std::chrono::milliseconds idle_;

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable failed_;
  Status first_error_;
  std::string current_path_;
  std::vector<wire::Report> skipped_;
  uint64_t skipped_total_ = 0;
};

}  // namespace ktls::engine

// The receiving end of a transfer: a confined sink, and a worker for each connection.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/block_files.h"
#include "engine/crew.h"
#include "engine/failed_directories.h"
#include "engine/lost_names.h"
#include "engine/pulse.h"
#include "engine/session.h"
#include "fs/sink.h"
#include "wire/hello.h"

namespace ktls::engine {

class ReceiverWorker;

struct ReceiverOptions {
  std::string root;
  std::vector<std::string> below;
  fs::SinkOptions sink;
  bool verify = true;
  bool continue_on_error = false;
};

class Receiver {
 public:
  // `connection_needed`: see Sender. Called when the peer asks for one.
  static Result<std::unique_ptr<Receiver>> create(ReceiverOptions options, std::shared_ptr<Cancel> user,
                                                  std::chrono::milliseconds idle,
                                                  std::function<void()> connection_needed);
  ~Receiver();

  // Blocks until the transfer has ended and no thread is left. Success means: everything the sender
  // counted is under its final name. After a failure nothing of it is under a temporary one.
  Status run(std::unique_ptr<Link> first);
  // See Crew. A link that comes when the transfer has ended is dropped.
  void expect() { crew_.expect(); }
  void call_off() { crew_.call_off(); }
  void add(std::unique_ptr<Link> link) { crew_.add(std::move(link)); }
  uint32_t connections_open() const { return crew_.open(); }

  Session& session() { return *session_; }
  uint32_t connections_used() const { return crew_.used(); }
  bool verifies() const { return options_.verify; }
  // What is under final names, and in `failed` what arrived and is not; final after run().
  wire::Counts counts() const;

 private:
  friend class ReceiverWorker;

  Receiver(ReceiverOptions options, std::unique_ptr<Session> session,
           std::function<void()> connection_needed);

  Status start(std::unique_ptr<Link> first);
  Result<std::function<void()>> employ(std::unique_ptr<Link> link);

  // --- What the workers share ---------------------------------------------------------------------

  // Between these two, the pulse may call the worker's beat().
  void add_worker(ReceiverWorker* worker);
  void remove_worker(ReceiverWorker* worker);

  // A connection carries entries from here on. protocol once the sender has said ALL_DONE.
  Status begin_entries();
  void end_entries();
  // The sender says that everything was sent: protocol while another connection still carries entries.
  Status begin_commit(bool carries_entries);
  // True the first time for each directory.
  bool first_announcement(uint32_t directory);

  const ReceiverOptions options_;
  const std::unique_ptr<Session> session_;
  const std::function<void()> connection_needed_;
  std::shared_ptr<fs::Sink> sink_;  // from run() on
  BlockFiles block_files_;
  FailedDirectories failed_directories_;
  LostNames lost_names_;
  std::atomic<uint64_t> failed_{0};  // entries that could not be written
  std::atomic<bool> committed_{false};

  mutable std::mutex mutex_;  // guards everything below
  uint32_t carrying_ = 0;     // connections that carry entries and have not said CONN_DONE
  bool committing_ = false;
  std::vector<bool> announced_;

  std::mutex workers_mutex_;  // guards workers_, and their lives while the pulse uses them
  std::set<ReceiverWorker*> workers_;
  Pulse pulse_;  // from start() on, until the workers have ended

  Crew crew_;  // guards itself; the last member, since its workers use all others
};

}  // namespace ktls::engine

// The sending end of a transfer: a walk, and a worker for each connection.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/crew.h"
#include "engine/session.h"
#include "engine/work_queue.h"
#include "wire/hello.h"

namespace ktls::engine {

enum class Mode : uint8_t { automatic, read_send, send_file, splice };

struct SenderOptions {
  std::string root;
  std::vector<std::string> below;
  Mode mode = Mode::automatic;
  bool verify = true;
  bool continue_on_error = false;
  // Files of this size and more travel in blocks over all connections. Bytes; by default 64 MiB, and 4 MiB to
  // a receiver that is far away (net::is_far), where a single connection is slow.
  std::optional<uint64_t> block_threshold;
  // Whether this end opened the connections: it then opens another itself where a key is spent.
  bool initiator = true;
};

// How content leaves a connection: what `automatic` becomes, and what a zero-copy mode falls back to
// where user space encrypts.
Mode effective_mode(Mode wanted, bool verify, const tls::Connection& connection);

// Sent when everything else has arrived.
struct HardLink {
  uint32_t directory;
  std::string name;
  uint32_t target_directory;
  std::string target_name;
  std::string path;  // for messages
};

class Sender {
 public:
  // `connection_needed` is called, on any thread, when another connection must be opened: see
  // tls::Connection::key_nearly_spent().
  static Result<std::unique_ptr<Sender>> create(SenderOptions options, std::shared_ptr<Cancel> user,
                                                std::chrono::milliseconds idle,
                                                std::function<void()> connection_needed);
  ~Sender();

  // Blocks until the transfer has ended and no thread is left.
  Status run(std::unique_ptr<Link> first);
  // See Crew. A link that comes when the transfer has ended is dropped.
  void expect() { crew_.expect(); }
  void call_off() { crew_.call_off(); }
  void add(std::unique_ptr<Link> link) { crew_.add(std::move(link)); }
  uint32_t connections_open() const { return crew_.open(); }

  Session& session() { return *session_; }
  // What the receiver says it holds; valid after run() succeeded.
  const wire::Counts& receiver_counts() const { return receiver_counts_; }
  uint32_t connections_used() const { return crew_.used(); }
  Mode mode_used() const { return mode_used_; }
  bool verifies() const { return options_.verify; }

 private:
  friend class SenderWorker;

  Sender(SenderOptions options, std::unique_ptr<Session> session, std::function<void()> connection_needed);

  void walk(fs::Walk& walk);
  Status start(std::unique_ptr<Link> first);
  Result<std::function<void()>> employ(std::unique_ptr<Link> link);

  // --- What the workers share ---------------------------------------------------------------------

  uint32_t next_block_file() { return next_block_file_.fetch_add(1, std::memory_order_relaxed); }
  void add_hard_link(HardLink link);
  void add_skipped(uint32_t directory, const std::string& name, wire::Report report);
  // Why, where it was.
  std::optional<wire::Report> why_skipped(uint32_t directory, const std::string& name);

  const SenderOptions options_;
  const std::unique_ptr<Session> session_;
  const std::function<void()> connection_needed_;
  WorkQueue queue_;
  std::atomic<uint32_t> next_block_file_{0};
  wire::Counts receiver_counts_;  // written by the last worker, read after run()
  // Both set before there is a worker.
  Mode mode_used_ = Mode::read_send;
  uint64_t block_threshold_ = 0;

  std::mutex mutex_;  // guards everything below
  std::vector<HardLink> hard_links_;
  std::map<std::pair<uint32_t, std::string>, wire::Report> skipped_names_;

  Crew crew_;  // guards itself; the last member, since its workers use all others
};

}  // namespace ktls::engine

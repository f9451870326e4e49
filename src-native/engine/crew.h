// The connections of one end of a transfer: each has a worker, on a thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/session.h"

namespace ktls::engine {

class Crew {
 public:
  // Makes what a link's thread runs: all of the connection's life, leave_connection() at its end.
  using Employ = std::function<Result<std::function<void()>>(std::unique_ptr<Link>)>;

  // `thread_name` as start_thread() takes it. `session` must live as long.
  Crew(Session& session, const char* thread_name, Employ employ);

  // The first connection, and those that were added before it. Nothing runs when it fails.
  Status start(std::unique_ptr<Link> first);
  // Announces an add(), which call_off() takes back. A peer may end all other connections as soon as it
  // knows of the new one: that must not be the end of the transfer here, where it may be known a moment
  // later. These three from any thread, at any time.
  void expect();
  void call_off();
  // Kept until start(); dropped when the session stopped or the work is over.
  void add(std::unique_ptr<Link> link);
  // Blocks until every connection has ended, no other is expected that could go on, and no thread is left.
  // What is added later is dropped.
  void join();

  // Connections that are not closed yet, and those expected.
  uint32_t open() const;
  // Connections that had a worker.
  uint32_t used() const;

  // --- For the workers ------------------------------------------------------------------------------

  // The last call of a worker, when its connection is closed.
  void leave_connection();
  // A worker has no work left. True for the last one: nobody joins any more then.
  bool leave_work();
  // Of that one: waits a moment for the others to close their connections. Whether they have.
  bool others_left();
  // Who is expected is not waited for any more, and may still join while there are others.
  void end_waiting();
  // The caller is about to ask for a connection that takes its place.
  void want_replacement();
  // Waits a moment for that. Whether it has come: once for each that was wanted.
  bool replaced();

 private:
  Status hire(std::unique_ptr<Link> link);

  Session& session_;
  const char* const thread_name_;
  const Employ employ_;

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::list<std::thread> threads_;
  std::vector<std::unique_ptr<Link>> early_;  // added before start()
  uint32_t connected_ = 0;                    // connections not yet closed
  uint32_t expected_ = 0;                     // announced, neither added nor called off
  uint32_t working_ = 0;                      // of connected_: with a worker that may take work
  uint32_t used_ = 0;
  uint32_t wanted_ = 0;  // replacements that were asked for and have not come
  uint32_t spare_ = 0;   // that have come, not yet claimed
  bool running_ = false;
  bool waiting_ = true;  // for those expected, where nobody else is left
  bool over_ = false;    // too late to join
};

}  // namespace ktls::engine

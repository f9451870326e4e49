// What the sockets of one environment send from other threads: a few loops, and the way back to the
// event loop when a job has ended.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "napi/loop_queue.h"
#include "tls/send_loop.h"

namespace ktls::napi {

// Made at the first job. It keeps the event loop alive while a job runs, and ends them all when the
// environment goes.
class SendService {
 public:
  using OnEnd = std::function<void(Napi::Env, const Status& status)>;

  // Null, with an exception pending, when threads cannot be made.
  static SendService* of(Napi::Env env);

  // `on_end` is called once, later, on the event loop's thread; never when the environment goes before.
  uint64_t start(Napi::Env env, tls::SendJob job, OnEnd on_end);
  // Whether no thread has anything to send.
  bool idle() const;
  // The job ends with Code::cancelled, unless it has ended already.
  void cancel(uint64_t id);

 private:
  struct Job {
    tls::SendLoop* loop;
    OnEnd on_end;
  };
  struct Ended {
    uint64_t id;
    Status status;
  };

  SendService();

  bool pays_to_read_ahead(const tls::SendJob& job) const;
  void on_ended(Napi::Env env, const Ended& ended);

  std::vector<std::unique_ptr<tls::SendLoop>> loops_;
  LoopQueue<Ended> ended_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, Job> jobs_;
};

}  // namespace ktls::napi

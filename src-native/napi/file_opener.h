// Opens files where that may wait for a disk: on a few threads, however many requests want one at once.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <unordered_map>

#include "base/fd.h"
#include "base/worker_pool.h"
#include "napi/loop_queue.h"

namespace ktls::napi {

// Made at the first file. It keeps the event loop alive while one is opened.
class FileOpener {
 public:
  using Open = std::function<Result<Fd>()>;

  // Null, with an exception pending, when the environment is going.
  static FileOpener* of(Napi::Env env);

  // A promise for the descriptor. `open` runs on one of the threads.
  Napi::Value open(Napi::Env env, Open open);

 private:
  struct Opened {
    uint64_t id;
    Result<Fd> file;
  };

  FileOpener();

  void on_opened(Napi::Env env, Opened& opened);

  // Null once the environment is going.
  std::unique_ptr<WorkerPool> pool_;
  LoopQueue<Opened> opened_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, Napi::Promise::Deferred> waiting_;
};

}  // namespace ktls::napi

// Threads whose start can fail without an exception, and that no signal interrupts.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <system_error>
#include <thread>
#include <utility>

#include "base/status.h"

namespace ktls {

// `name` is what ps and perf show: at most 15 bytes. The thread gets no signals: they are for the program's
// own threads, and the SIGPIPE of splice(2) and sendfile(2) is for nobody.
template <typename Function>
Result<std::thread> start_thread(const char* name, Function&& function) {
  // A thread inherits its creator's mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Result<std::thread> started = [&]() -> Result<std::thread> {
    try {
      std::thread thread(std::forward<Function>(function));
      pthread_setname_np(thread.native_handle(), name);
      return thread;
    } catch (const std::system_error& error) {
      return Status::system("pthread_create", error.code().value());
    }
  }();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

}  // namespace ktls

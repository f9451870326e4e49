// Threads whose start can fail without an exception.
#pragma once

#include <errno.h>
#include <pthread.h>

#include <system_error>
#include <thread>
#include <utility>

#include "base/status.h"

namespace ktls {

// `name` is what ps and perf show: at most 15 bytes.
template <typename Function>
Result<std::thread> start_thread(const char* name, Function&& function) {
  try {
    std::thread thread(std::forward<Function>(function));
    pthread_setname_np(thread.native_handle(), name);
    return thread;
  } catch (const std::system_error& error) {
    return Status::system("pthread_create", error.code().value());
  }
}

}  // namespace ktls

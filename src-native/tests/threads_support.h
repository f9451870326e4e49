// The threads of this process, as the kernel tells of them.
#pragma once

#include <pthread.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "tests/check.h"

namespace ktls::test {

// How many are called so just now, or of these how many are in a state: 'S' are asleep (proc_pid_stat(5)).
inline size_t threads_called(const std::string& name, std::optional<char> state = {}) {
  size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream stat(task.path() / "stat");
    std::string line;
    // One that ends meanwhile has no name any more.
    if (!std::getline(stat, line)) continue;
    const size_t end = line.rfind(')');
    const std::string called = line.substr(line.find('(') + 1, end - line.find('(') - 1);
    if (called == name && (!state || line[end + 2] == *state)) ++count;
  }
  return count;
}

// Until so many are called so: one that has been joined may still be there for a moment.
inline void wait_for_threads(const std::string& name, size_t count) {
  while (threads_called(name) != count) usleep(1000);
}

// While it lives no thread can be made: its stack would be larger than what addresses there are.
class NoThreads {
 public:
  NoThreads() {
    CHECK_EQ(pthread_getattr_default_np(&usual_), 0);
    pthread_attr_t huge = usual_;
    CHECK_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 60), 0);
    CHECK_EQ(pthread_setattr_default_np(&huge), 0);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&usual_);
    pthread_attr_destroy(&usual_);
  }

 private:
  pthread_attr_t usual_;
};

}  // namespace ktls::test

#include "base/processors.h"

#include <sched.h>

#include <chrono>
#include <thread>

#include "tests/check.h"

namespace ktls::test {

namespace {

using std::chrono::steady_clock;

void keep_busy(std::chrono::milliseconds time) {
  for (const auto end = steady_clock::now() + time; steady_clock::now() < end;) {
  }
}

// Of the calling thread's processors, in nanoseconds, while it computes.
uint64_t idle_while_busy() {
  const auto before = idle_processor_time();
  keep_busy(std::chrono::milliseconds(500));
  const auto after = idle_processor_time();
  CHECK(before && after && *after >= *before);
  return before && after ? *after - *before : 0;
}

}  // namespace

// What the others do does not count.
TEST(a_processor_that_computes_is_not_idle) {
  uint64_t idle = 0;
  std::thread pinned([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    idle = idle_while_busy();
  });
  pinned.join();
  CHECK(idle < 250'000'000);
}

TEST(a_processor_that_waits_is_idle) {
  const auto before = idle_processor_time();
  CHECK(before && *before > 0);
  // However busy the machine is, it has a moment sometime.
  for (;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto after = idle_processor_time();
    if (!before || !after || *after > *before) break;
  }
}

}  // namespace ktls::test

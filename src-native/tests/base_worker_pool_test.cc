// A pool's threads: so many and no more, and none left behind.
#include "base/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <optional>

#include "tests/threads_support.h"

using namespace ktls;
using namespace ktls::test;

TEST(a_pool_runs_so_much_at_once_and_the_rest_later) {
  constexpr int kMost = 3;
  constexpr int kWork = 50;
  // So many have to be there at once, or they wait for ever.
  std::latch all_threads(kMost + 1);
  std::latch all_work(kWork);
  WorkerPool pool("ktls-test", kMost);
  for (int i = 0; i < kWork; ++i) {
    CHECK_OK(pool.post([&, i] {
      if (i < kMost) all_threads.arrive_and_wait();
      all_work.count_down();
    }));
  }
  const size_t made = threads_called("ktls-test");
  all_threads.arrive_and_wait();
  all_work.wait();
  CHECK_EQ(made, size_t{kMost});
}

TEST(a_thread_that_has_nothing_to_do_is_taken_before_another_is_made) {
  std::vector<std::thread::id> ids;
  WorkerPool pool("ktls-test", 4);
  for (int i = 0; i < 8; ++i) {
    std::latch done(1);
    CHECK_OK(pool.post([&] {
      ids.push_back(std::this_thread::get_id());
      done.count_down();
    }));
    done.wait();
    // Whoever has done its work waits again a moment later.
    while (threads_called("ktls-test", 'S') == 0) usleep(1000);
  }
  CHECK(std::ranges::all_of(ids, [&](std::thread::id id) { return id == ids.front(); }));
}

TEST(a_pool_that_goes_waits_for_what_has_begun) {
  std::latch begun(1);
  std::atomic<bool> go = false;
  std::atomic<int> done = 0;
  std::optional<WorkerPool> pool(std::in_place, "ktls-test", 1);
  CHECK_OK(pool->post([&] {
    begun.count_down();
    while (!go) std::this_thread::yield();
    ++done;
  }));
  // Perhaps none of these is.
  for (int i = 0; i < 5; ++i) CHECK_OK(pool->post([&] { ++done; }));
  begun.wait();
  std::thread end([&] { pool.reset(); });
  go = true;
  end.join();
  CHECK(done.load() >= 1);
}

TEST(a_pool_without_a_thread_says_so_and_with_one_makes_do) {
  std::latch done(2);
  std::latch begun(1);
  std::latch go(1);
  WorkerPool pool("ktls-test", 2);
  {
    NoThreads none;
    const Status status = pool.post([] {});
    CHECK(status.is(Code::system));
    CHECK_EQ(status.error_number(), EAGAIN);
  }
  CHECK_OK(pool.post([&] {
    begun.count_down();
    go.wait();
    done.count_down();
  }));
  begun.wait();
  {
    NoThreads none;
    CHECK_OK(pool.post([&] { done.count_down(); }));
  }
  go.count_down();
  done.wait();
}

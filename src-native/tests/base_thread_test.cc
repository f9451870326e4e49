// Threads of our own: no signal of the program's is theirs, and one that cannot be made is an error.
#include "base/thread.h"

#include "tests/threads_support.h"

using namespace ktls;
using namespace ktls::test;

namespace {

sigset_t mask() {
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return now;
}

bool blocks_nothing(const sigset_t& mask) {
  return sigismember(&mask, SIGTERM) == 0 && sigismember(&mask, SIGPIPE) == 0;
}

}  // namespace

TEST(a_thread_gets_no_signals_and_its_creator_gets_them_as_before) {
  sigset_t in_thread;
  Result<std::thread> thread = start_thread("ktls-test", [&] { in_thread = mask(); });
  CHECK_OK(thread);
  thread->join();
  for (const int signal : {SIGTERM, SIGINT, SIGPIPE, SIGUSR1}) CHECK_EQ(sigismember(&in_thread, signal), 1);
  CHECK(blocks_nothing(mask()));
}

TEST(a_thread_that_cannot_be_made_is_told) {
  NoThreads none;
  Result<std::thread> thread = start_thread("ktls-test", [] {});
  CHECK_CODE(thread, system);
  CHECK_EQ(thread.status().error_number(), EAGAIN);
  CHECK(blocks_nothing(mask()));
}

// Send jobs on the loops that advance them: many at once, stopped at any moment, by peers that misbehave, of
// files that change. What the sanitizers shall see of them, they see here.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/threads_support.h"
#include "tests/tls_file_support.h"
#include "tls/send_loop.h"

using namespace ktls;
using namespace ktls::test;

namespace {

constexpr size_t kMiB = 1024 * 1024;

// A job that a test waits for: it ends once, on a loop's thread.
class Outcome {
 public:
  tls::SendLoop::OnEnd recorder() {
    return [this](const Status& status) {
      std::lock_guard lock(mutex_);
      ++ends_;
      status_ = status;
      changed_.notify_all();
    };
  }
  Status wait() {
    std::unique_lock lock(mutex_);
    CHECK(changed_.wait_for(lock, kPatience, [this] { return ends_ > 0; }));
    return status_;
  }
  int ends() {
    std::lock_guard lock(mutex_);
    return ends_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int ends_ = 0;
  Status status_;
};

// A connection that sends, the one that receives, and what is to be sent.
struct Path {
  Path() {
    const ConnectionOptions options = {.kernel = KernelPolicy::off};
    Ends ends = connected(CipherSuite::aes_128_gcm_sha256, options, options);
    from = std::move(ends.a);
    to = std::move(ends.b);
    // Fixed, so that less than any file here fits between the two.
    const int size = static_cast<int>(kMiB);
    CHECK_EQ(setsockopt(from->fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    CHECK_EQ(setsockopt(to->fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
  }

  tls::SendJob job(const std::vector<Bytes>& chunks, Bytes file = {}, size_t missing = 0) {
    tls::ChunkQueue queue;
    for (Bytes chunk : chunks) queue.push(chunk);
    tls::FileRange range = {};
    if (!file.empty()) range = {file_of(file), 0, file.size() + missing};
    return job(std::move(queue), std::move(range));
  }
  tls::SendJob job(tls::ChunkQueue chunks, tls::FileRange range) {
    tls::SendJob made(from, std::move(chunks), std::move(range), sent);
    if (ahead) made.read_ahead();
    return made;
  }

  // Whether a thread of its own reads the file, which is nothing that the peer or the caller should see.
  bool ahead = false;
  std::shared_ptr<Connection> from;
  std::unique_ptr<Connection> to;
  std::shared_ptr<std::atomic<uint64_t>> sent = std::make_shared<std::atomic<uint64_t>>(0);
};

std::unique_ptr<tls::SendLoop> loop() {
  Result<std::unique_ptr<tls::SendLoop>> made = tls::SendLoop::create();
  CHECK_OK(made);
  return std::move(*made);
}

// Everything until an error or a wait that is too long; `failure` is the error.
Buffer read_to_end(Connection& from, Status& failure) {
  std::shared_ptr<Cancel> cancel = cancel_flag();
  Buffer all, into(65536);
  for (;;) {
    Result<size_t> got = from.read_some(into, {*cancel, kPatience});
    if (!got.ok()) {
      failure = got.status();
      return all;
    }
    all.insert(all.end(), into.begin(), into.begin() + static_cast<ptrdiff_t>(*got));
  }
}

// Most likely until the job has filled what lies between the two ends, and waits for its peer: no test
// depends on it.
void wait_until_stuck(const Path& path) {
  uint64_t before = 0;
  for (int same = 0; same < 5; usleep(2000)) {
    const uint64_t now = *path.sent;
    same = now > 0 && now == before ? same + 1 : 0;
    before = now;
  }
}

}  // namespace

TEST(chunks_then_a_file_arrive_in_order_and_are_counted) {
  for (const bool ahead : {false, true}) {
    Path path;
    path.ahead = ahead;
    std::unique_ptr<tls::SendLoop> sender = loop();
    const Buffer content = pattern(3 * kMiB + 7);
    const Buffer large = pattern(2 * kMiB, 2);
    const Buffer tiny = pattern(900, 3);
    Outcome outcome;
    sender->add(1, path.job({tiny, large, {}, tiny, tiny}, content), outcome.recorder());
    Buffer expected;
    for (const Buffer* part : {&tiny, &large, &tiny, &tiny, &content}) {
      expected.insert(expected.end(), part->begin(), part->end());
    }
    CHECK(read_exactly(*path.to, expected.size()) == expected);
    CHECK_OK(outcome.wait());
    CHECK_EQ(path.sent->load(), uint64_t{expected.size()});
    CHECK_EQ(sender->load(), size_t{0});
  }
}

TEST(many_jobs_share_several_loops) {
  constexpr size_t kJobs = 24;
  const Buffer content = pattern(kMiB + 1);
  std::vector<std::unique_ptr<tls::SendLoop>> loops;
  for (int i = 0; i < 3; ++i) loops.push_back(loop());
  std::vector<Path> paths(kJobs);
  std::vector<Outcome> outcomes(kJobs);
  for (size_t i = 0; i < kJobs; ++i) {
    const Bytes chunk = Bytes(content).first(i * 1000);
    paths[i].ahead = i % 2 == 0;
    loops[i % 3]->add(i, paths[i].job({chunk}, content), outcomes[i].recorder());
  }
  for (size_t i = 0; i < kJobs; ++i) {
    const Buffer received = read_exactly(*paths[i].to, i * 1000 + content.size());
    CHECK(std::equal(content.begin(), content.end(), received.begin() + static_cast<ptrdiff_t>(i * 1000)));
    CHECK_OK(outcomes[i].wait());
  }
  for (auto& each : loops) CHECK_EQ(each->load(), size_t{0});
}

TEST(a_peer_that_stops_reading_holds_up_nobody_else_and_may_go_on) {
  const Buffer content = pattern(16 * kMiB);
  for (const bool ahead : {false, true}) {
    std::unique_ptr<tls::SendLoop> sender = loop();
    Path still, moving;
    still.ahead = moving.ahead = ahead;
    Outcome still_outcome, moving_outcome;
    sender->add(1, still.job({}, content), still_outcome.recorder());
    wait_until_stuck(still);
    sender->add(2, moving.job({}, content), moving_outcome.recorder());
    CHECK(read_exactly(*moving.to, content.size()) == content);
    CHECK_OK(moving_outcome.wait());
    CHECK_EQ(still_outcome.ends(), 0);
    CHECK(read_exactly(*still.to, content.size()) == content);
    CHECK_OK(still_outcome.wait());
  }
}

TEST(a_job_can_be_cancelled_at_any_moment_and_the_connection_goes_on) {
  const Buffer content = pattern(16 * kMiB);
  const Buffer after = pattern(1000, 9);
  std::unique_ptr<tls::SendLoop> sender = loop();
  for (uint64_t id = 0; id < 30; ++id) {
    Path path;
    path.ahead = id % 2 == 0;
    Outcome outcome;
    sender->add(id, path.job({}, content), outcome.recorder());
    if (id % 3 == 1) usleep(static_cast<useconds_t>(100 * id));
    if (id % 3 == 2) wait_until_stuck(path);
    sender->cancel(id);
    sender->cancel(id);
    Status received_all;
    Buffer received;
    std::thread reader([&] { received = read_to_end(*path.to, received_all); });
    const Status ended = outcome.wait();
    // What the job had accepted goes out before what is written next.
    std::shared_ptr<Cancel> cancel = cancel_flag();
    const Connection::Patience patience = {*cancel, kPatience};
    Status closed = path.from->write_all(after, patience);
    if (closed.ok()) closed = path.from->close_notify();
    if (closed.ok()) closed = path.from->flush_all(patience);
    reader.join();
    CHECK_OK(closed);
    CHECK_CODE(received_all, end_of_stream);
    // On a slow machine the reader may have taken everything first.
    if (!ended.ok()) CHECK_CODE(ended, cancelled);
    CHECK_EQ(received.size(), path.sent->load() + after.size());
    CHECK(std::equal(after.begin(), after.end(), received.end() - static_cast<ptrdiff_t>(after.size())));
    CHECK_EQ(outcome.ends(), 1);
  }
  sender->cancel(1'000'000);
}

TEST(a_peer_that_resets_ends_the_job) {
  const Buffer content = pattern(16 * kMiB);
  std::unique_ptr<tls::SendLoop> sender = loop();
  for (const uint64_t id : {0, 1, 2, 3}) {
    const bool stuck = id % 2 == 1;
    Path path;
    path.ahead = id > 1;
    Outcome outcome;
    sender->add(id, path.job({}, content), outcome.recorder());
    if (stuck) wait_until_stuck(path);
    const linger reset = {1, 0};
    CHECK_EQ(setsockopt(path.to->fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    path.to.reset();
    const Status ended = outcome.wait();
    CHECK_CODE(ended, system);
    CHECK(ended.error_number() == ECONNRESET || ended.error_number() == EPIPE);
  }
}

TEST(a_file_that_ends_early_is_told_after_what_there_was_and_the_connection_goes_on) {
  for (const bool ahead : {false, true}) {
    Path path;
    path.ahead = ahead;
    std::unique_ptr<tls::SendLoop> sender = loop();
    const Buffer content = pattern(300'001);
    Outcome outcome;
    sender->add(1, path.job({}, content, 5), outcome.recorder());
    CHECK(read_exactly(*path.to, content.size()) == content);
    CHECK_CODE(outcome.wait(), file_changed);
    CHECK_EQ(path.sent->load(), uint64_t{content.size()});
    Outcome next;
    sender->add(2, path.job({content}), next.recorder());
    CHECK(read_exactly(*path.to, content.size()) == content);
    CHECK_OK(next.wait());
  }
}

TEST(a_file_that_shrinks_while_its_job_waits_is_told) {
  for (const bool ahead : {false, true}) {
    Path path;
    path.ahead = ahead;
    std::unique_ptr<tls::SendLoop> sender = loop();
    const Buffer content = pattern(16 * kMiB);
    Fd file = file_of(content);
    Fd same(fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
    Outcome outcome;
    sender->add(1, path.job(tls::ChunkQueue(), {std::move(same), 0, content.size()}), outcome.recorder());
    wait_until_stuck(path);
    CHECK_EQ(ftruncate(file.get(), 1), 0);
    Status received_all;
    Buffer received;
    std::thread reader([&] { received = read_to_end(*path.to, received_all); });
    const Status ended = outcome.wait();
    const uint64_t sent = *path.sent;
    path.from.reset();
    reader.join();
    CHECK_CODE(ended, file_changed);
    CHECK_CODE(received_all, truncated);
    CHECK_EQ(received.size(), sent);
    CHECK(std::equal(received.begin(), received.end(), content.begin()));
  }
}

TEST(a_loop_that_goes_cancels_its_jobs) {
  const Buffer content = pattern(16 * kMiB);
  for (const bool wait : {false, true}) {
    std::vector<Path> paths(6);
    std::vector<Outcome> outcomes(paths.size());
    {
      std::unique_ptr<tls::SendLoop> sender = loop();
      for (size_t i = 0; i < paths.size(); ++i) {
        paths[i].ahead = i % 2 == 0;
        sender->add(i, paths[i].job({content}, content), outcomes[i].recorder());
      }
      if (wait) {
        for (const Path& path : paths) wait_until_stuck(path);
      }
    }
    for (size_t i = 0; i < paths.size(); ++i) {
      CHECK_EQ(outcomes[i].ends(), 1);
      CHECK_CODE(outcomes[i].wait(), cancelled);
      // Nothing of the job is left: the connection is the test's alone.
      CHECK_EQ(paths[i].from.use_count(), 1l);
    }
  }
}

TEST(a_file_that_cannot_be_read_ends_its_job_and_the_connection_goes_on) {
  std::unique_ptr<tls::SendLoop> sender = loop();
  const Buffer content = pattern(1000);
  for (const bool ahead : {false, true}) {
    Path path;
    path.ahead = ahead;
    Fd folder(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Outcome outcome;
    sender->add(2 * ahead, path.job(tls::ChunkQueue(), {std::move(folder), 0, kMiB}), outcome.recorder());
    const Status ended = outcome.wait();
    CHECK_CODE(ended, system);
    CHECK_EQ(ended.error_number(), EISDIR);
    Outcome next;
    sender->add(2 * ahead + 1, path.job({content}), next.recorder());
    CHECK(read_exactly(*path.to, content.size()) == content);
    CHECK_OK(next.wait());
  }
}

TEST(a_thread_reads_ahead_where_the_job_was_told_and_goes_with_it) {
  const Buffer content = pattern(16 * kMiB);
  std::unique_ptr<tls::SendLoop> sender = loop();
  for (const bool ahead : {false, true}) {
    Path path;
    path.ahead = ahead;
    Outcome outcome;
    sender->add(ahead, path.job({}, content), outcome.recorder());
    while (*path.sent == 0) usleep(1000);
    wait_for_threads("ktls-read", ahead ? 1 : 0);
    CHECK(read_exactly(*path.to, content.size()) == content);
    CHECK_OK(outcome.wait());
    wait_for_threads("ktls-read", 0);
  }
}

TEST(where_no_thread_can_be_made_the_file_is_sent_without) {
  const Buffer content = pattern(3 * kMiB);
  std::unique_ptr<tls::SendLoop> sender = loop();
  Path path;
  path.ahead = true;
  Outcome outcome;
  Buffer received;
  {
    NoThreads none;
    sender->add(1, path.job({}, content), outcome.recorder());
    received = read_exactly(*path.to, content.size());
  }
  CHECK(received == content);
  CHECK_OK(outcome.wait());
}

// Many relays at once on two threads: none is lost, none harms another, nothing is left behind.
#include <sys/resource.h>

#include "tests/check.h"
#include "tests/own_process.h"
#include "tests/relay_fixture.h"

namespace ktls::relay::test {

namespace {

size_t resident_kilobytes() {
  long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  must(file && fscanf(file, "%*d %ld", &pages) == 1, "statm");
  fclose(file);
  return pages * 4;
}

void raise_descriptor_limit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// One message each way through a relay.
bool echo(Running& running, uint64_t seed) {
  auto sent = sequence(seed, 0, 64);
  std::vector<uint8_t> got(64);
  return send(running.a.get(), sent.data(), 64, 0) == 64 &&
         recv(running.b.get(), got.data(), 64, MSG_WAITALL) == 64 && got == sent &&
         send(running.b.get(), got.data(), 64, 0) == 64 &&
         recv(running.a.get(), got.data(), 64, MSG_WAITALL) == 64 && got == sent;
}

}  // namespace

TEST(thousands_run_at_once) {
  raise_descriptor_limit();
  for (Mode mode : {Mode::automatic, Mode::splice, Mode::sockmap}) {
    auto relays = engine();
    const size_t threads_before = ktls::test::threads();
    std::vector<std::unique_ptr<Running>> all;
    for (int i = 0; i < 2000; i++) all.push_back(std::make_unique<Running>(*relays, in_mode(mode)));
    CHECK_EQ(ktls::test::threads(), threads_before);
    size_t correct = 0;
    for (size_t round = 0; round < 2; round++) {
      for (size_t i = 0; i < all.size(); i++) correct += echo(*all[i], i);
    }
    CHECK_EQ(correct, 2 * all.size());
    for (auto& running : all) {
      running->a.reset();
      running->b.reset();
    }
    size_t ended_well = 0;
    for (auto& running : all) ended_well += running->wait().status.ok();
    CHECK_EQ(ended_well, all.size());
    CHECK_EQ(relays->sockmap_entries(), size_t{0});
  }
}

TEST(relays_that_come_and_go_leave_nothing) {
  for (Mode mode : kEveryMode) {
    auto relays = engine();
    auto cycle = [&](int count) {
      for (int i = 0; i < count; i++) {
        Running running(*relays, in_mode(mode));
        CHECK(echo(running, i));
        if (i % 2 == 0) running.abort();
        running.a.reset();
        running.b.reset();
        running.wait();
      }
    };
    cycle(100);
    const size_t descriptors = ktls::test::open_descriptors();
    const size_t memory = resident_kilobytes();
    cycle(500);
    CHECK_EQ(ktls::test::open_descriptors(), descriptors);
    CHECK(resident_kilobytes() < memory + 4096);
    CHECK_EQ(relays->sockmap_entries(), size_t{0});
  }
}

TEST(stalled_readers_harm_no_other) {
  for (Mode mode : {Mode::automatic, Mode::copy, Mode::splice}) {
    auto relays = engine();
    Running stalled(*relays, in_mode(mode));
    std::vector<uint8_t> junk(1 << 20);
    pollfd writable{stalled.a.get(), POLLOUT, 0};
    while (poll(&writable, 1, 100) > 0) (void)!send(stalled.a.get(), junk.data(), junk.size(), MSG_DONTWAIT);

    std::vector<std::unique_ptr<Running>> others;
    for (int i = 0; i < 99; i++) others.push_back(std::make_unique<Running>(*relays, in_mode(mode)));
    size_t correct = 0;
    for (auto& other : others) {
      auto sender = std::async(std::launch::async, [&] {
        bool sent = send_sequence(other->a.get(), 1, 400'000, 100'000);
        shutdown(other->a.get(), SHUT_WR);
        return sent;
      });
      Read got = read_sequence(other->b.get(), 1, 200'000);
      CHECK(sender.get());
      correct += got.equal && got.bytes == 400'000;
    }
    CHECK_EQ(correct, others.size());
    CHECK(!stalled.has_ended());
  }
}

// Without pipes splice is not possible: the relay goes on by copying, and says so.
TEST(relay_goes_on_when_no_pipe_can_be_had) {
  auto relays = engine();
  SocketPair first = tcp_pair();
  SocketPair second = tcp_pair();
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  rlimit none = limit;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &none);
  Running running(*relays, in_mode(Mode::splice), std::move(first), std::move(second), {}, {});
  auto sender = std::async(std::launch::async, [&] {
    bool sent = send_sequence(running.a.get(), 1, 5'000'000, 100'000);
    shutdown(running.a.get(), SHUT_WR);
    shutdown(running.b.get(), SHUT_WR);
    return sent;
  });
  Read got = read_sequence(running.b.get(), 1, 200'000);
  CHECK(sender.get());
  CHECK(running.wait().status.ok());
  setrlimit(RLIMIT_NOFILE, &limit);
  CHECK_EQ(got.bytes, uint64_t{5'000'000});
  CHECK(got.equal);
  CHECK_EQ(running.gauges->a_to_b.bytes(Mode::copy), uint64_t{5'000'000});
  CHECK(std::string(running.gauges->a_to_b.reason()).find("no pipe") != std::string::npos);
}

}  // namespace ktls::relay::test

// How a relay ends when it does not end well: resets, limits, aborts, and what is left behind.
#include "tests/check.h"
#include "tests/relay_fixture.h"

namespace ktls::relay::test {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShort{60};

void stall_until_ended(int writer, Running& running) {
  std::vector<uint8_t> junk(256 << 10);
  while (!running.has_ended()) {
    if (send(writer, junk.data(), junk.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
}

int read_error(int socket) {
  std::vector<uint8_t> memory(64 << 10);
  for (;;) {
    ssize_t count = recv(socket, memory.data(), memory.size(), 0);
    if (count <= 0) return count < 0 ? errno : 0;
  }
}

// Whether the relay, with a reader at `b` that never reads, stops taking from `a`.
uint64_t swallowed(int writer) {
  std::vector<uint8_t> junk(256 << 10);
  uint64_t sent = 0;
  pollfd writable{writer, POLLOUT, 0};
  while (poll(&writable, 1, 200) > 0) {
    ssize_t count = send(writer, junk.data(), junk.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent += count;
  }
  return sent;
}

// A byte now and then for longer than the idle limit, and silence. False where this thread was too late with
// one of them, so that the relay may have been right to end.
bool is_kept_alive(Mode mode, milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  auto relays = engine();
  Options options = in_mode(mode);
  options.idle_timeout = limit;
  Running running(*relays, options);
  Clock::time_point before = Clock::now();
  for (int i = 0; i < 12; i++) {
    const Clock::time_point now = Clock::now();
    const bool sent = send(running.b.get(), "x", 1, MSG_NOSIGNAL) == 1;
    std::this_thread::sleep_for(limit / 8);
    const bool ended = running.has_ended();
    if (Clock::now() - before > limit / 2) return false;
    CHECK(sent && !ended);
    before = now;
  }
  CHECK(running.wait().status.is(Code::idle_timeout));
  CHECK_EQ(running.gauges->b_to_a.bytes(), uint64_t{12});
  CHECK_EQ(read_error(running.a.get()), ECONNRESET);
  return true;
}

}  // namespace

TEST(reset_on_one_side_is_a_reset_on_the_other) {
  for (Mode mode : kEveryMode) {
    for (bool with_traffic : {false, true}) {
      auto relays = engine();
      Running running(*relays, in_mode(mode));
      if (with_traffic) {
        CHECK(send_sequence(running.a.get(), 1, 100'000, 10'000));
        std::vector<uint8_t> memory(100'000);
        CHECK_EQ(recv(running.b.get(), memory.data(), memory.size(), MSG_WAITALL), ssize_t{100'000});
      }
      reset_on_close(running.a.get());
      running.a.reset();
      Outcome outcome = running.wait();
      CHECK_EQ(outcome.status.error_number(), ECONNRESET);
      CHECK(outcome.side == Side::a);
      CHECK_EQ(read_error(running.b.get()), ECONNRESET);
    }
  }
}

// Whatever the relay is about to look at when the reset comes.
TEST(reset_is_a_reset_at_any_moment) {
  auto relays = engine();
  for (int i = 0; i < 6000; i++) {
    Running running(*relays, in_mode(Mode::sockmap));
    reset_on_close(running.a.get());
    for (volatile int spin = i % 200 * 500; spin > 0;) spin = spin - 1;
    running.a.reset();
    Outcome outcome = running.wait();
    CHECK_EQ(outcome.status.error_number(), ECONNRESET);
    CHECK(outcome.side == Side::a);
  }
}

TEST(reset_is_seen_while_nothing_can_be_written) {
  for (Mode mode : {Mode::automatic, Mode::copy, Mode::splice}) {
    auto relays = engine();
    Running running(*relays, in_mode(mode));
    swallowed(running.a.get());
    reset_on_close(running.b.get());
    running.b.reset();
    Outcome outcome = running.wait();
    CHECK_EQ(outcome.status.error_number(), ECONNRESET);
    CHECK(outcome.side == Side::b);
    CHECK_EQ(read_error(running.a.get()), ECONNRESET);
  }
}

TEST(abort_resets_both_sides) {
  for (Mode mode : kEveryMode) {
    auto relays = engine();
    Running running(*relays, in_mode(mode));
    running.abort();
    CHECK(running.wait().status.is(Code::cancelled));
    CHECK_EQ(read_error(running.a.get()), ECONNRESET);
    CHECK_EQ(read_error(running.b.get()), ECONNRESET);
    running.abort();
  }
}

TEST(engine_that_goes_ends_its_relays) {
  auto relays = engine();
  Running running(*relays, in_mode(Mode::automatic));
  relays.reset();
  CHECK(running.has_ended());
  CHECK(running.wait().status.is(Code::cancelled));
}

TEST(idle_limit_counts_from_the_last_byte) {
  for (Mode mode : kEveryMode) {
    milliseconds limit = kShort * 8;
    // A machine with too much to do may keep this thread from sending in time: then it needs a longer limit.
    while (!is_kept_alive(mode, limit)) limit *= 2;
  }
}

TEST(total_limit_ends_a_busy_relay) {
  for (Mode mode : kEveryMode) {
    auto relays = engine();
    Options options = in_mode(mode);
    options.timeout = kShort;
    options.backlog_limit = uint64_t{1} << 40;
    Running running(*relays, options);
    std::thread writer([&] { stall_until_ended(running.a.get(), running); });
    std::vector<uint8_t> memory(1 << 20);
    while (recv(running.b.get(), memory.data(), memory.size(), 0) > 0) {
    }
    writer.join();
    CHECK(running.wait().status.is(Code::timeout));
  }
}

TEST(writer_is_held_back_when_the_reader_stops) {
  for (Mode mode : {Mode::automatic, Mode::copy, Mode::splice}) {
    auto relays = engine();
    Running running(*relays, in_mode(mode));
    const uint64_t taken = swallowed(running.a.get());
    CHECK(taken < 48u << 20);
    CHECK(!running.has_ended());
    shutdown(running.a.get(), SHUT_WR);
    shutdown(running.b.get(), SHUT_WR);
    std::vector<uint8_t> memory(1 << 20);
    uint64_t got = 0;
    for (ssize_t count; (count = recv(running.b.get(), memory.data(), memory.size(), 0)) > 0;) got += count;
    CHECK_EQ(got, taken);
    CHECK(running.wait().status.ok());
  }
}

TEST(sockmap_backlog_above_its_limit_ends_the_relay) {
  auto relays = engine();
  Options options = in_mode(Mode::sockmap);
  options.backlog_limit = 8 << 20;
  Running running(*relays, options);
  stall_until_ended(running.a.get(), running);
  CHECK(running.wait().status.is(Code::relay_backlog));
  CHECK_EQ(read_error(running.b.get()), ECONNRESET);
  CHECK_EQ(relays->sockmap_entries(), size_t{0});
}

TEST(sockmap_is_refused_on_what_is_not_tcp) {
  for (bool fallback : {false, true}) {
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    auto relays = engine();
    Options options = in_mode(Mode::sockmap);
    options.fallback = fallback;
    Running running(*relays, options, tcp_pair(), {Fd(ends[0]), Fd(ends[1])}, {}, {});
    if (!fallback) {
      CHECK(running.wait().status.is(Code::sockmap_unavailable));
      continue;
    }
    auto sender = std::async(std::launch::async, [&] {
      bool sent = send_sequence(running.a.get(), 1, 2'000'000, 60'000);
      shutdown(running.a.get(), SHUT_WR);
      shutdown(running.b.get(), SHUT_WR);
      return sent;
    });
    Read got = read_sequence(running.b.get(), 1, 60'000);
    CHECK(sender.get());
    CHECK_EQ(got.bytes, uint64_t{2'000'000});
    CHECK(got.equal);
    CHECK(running.wait().status.ok());
    CHECK(std::string(running.gauges->a_to_b.fallback()) != "");
  }
}

TEST(only_connected_stream_sockets_are_taken) {
  Fd datagram(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  CHECK(plain_end(std::move(datagram)).is(Code::invalid_option));
  Fd unconnected(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK_EQ(plain_end(std::move(unconnected)).status().error_number(), ENOTCONN);
  int ends[2];
  must(pipe(ends) == 0, "pipe");
  Fd writer(ends[1]);
  CHECK_EQ(plain_end(Fd(ends[0])).status().error_number(), ENOTSOCK);
}

}  // namespace ktls::relay::test

// What goes in on one side comes out on the other, in every mode, and the end of it too.
#include "tests/check.h"
#include "tests/relay_fixture.h"

namespace ktls::relay::test {

namespace {

void both_ways(Mode mode, uint64_t total, size_t largest, bool small_buffers) {
  auto relays = engine();
  Running running(*relays, in_mode(mode), small_buffers);
  auto sender_a = std::async(std::launch::async, [&] {
    bool sent = send_sequence(running.a.get(), 1, total, largest);
    shutdown(running.a.get(), SHUT_WR);
    return sent;
  });
  auto sender_b = std::async(std::launch::async, [&] {
    bool sent = send_sequence(running.b.get(), 2, total / 2, largest);
    shutdown(running.b.get(), SHUT_WR);
    return sent;
  });
  Read at_a;
  std::thread reader_a([&] { at_a = read_sequence(running.a.get(), 2, largest); });
  Read at_b = read_sequence(running.b.get(), 1, largest);
  CHECK(sender_a.get());
  CHECK(sender_b.get());
  reader_a.join();
  Outcome outcome = running.wait();
  CHECK(outcome.status.ok());
  CHECK(at_a.equal && at_b.equal);
  CHECK_EQ(at_a.error, 0);
  CHECK_EQ(at_b.error, 0);
  CHECK_EQ(at_b.bytes, total);
  CHECK_EQ(at_a.bytes, total / 2);
  CHECK_EQ(running.gauges->a_to_b.bytes(), total);
  CHECK_EQ(running.gauges->b_to_a.bytes(), total / 2);
  // What arrives before the kernel takes over is copied.
  if (mode == Mode::copy || mode == Mode::splice) CHECK_EQ(running.gauges->a_to_b.bytes(mode), total);
  CHECK_EQ(relays->sockmap_entries(), size_t{0});
}

}  // namespace

TEST(random_segments_arrive_in_order_both_ways) {
  for (Mode mode : kEveryMode) {
    both_ways(mode, 300'000, 700, false);
    both_ways(mode, 48'000'000, 200'000, false);
  }
}

// Every write is cut and every pipe stays partly full.
TEST(small_socket_buffers_change_nothing) {
  for (Mode mode : {Mode::automatic, Mode::copy, Mode::splice}) both_ways(mode, 3'000'000, 100'000, true);
}

TEST(half_closed_direction_leaves_the_other_open) {
  for (Mode mode : kEveryMode) {
    auto relays = engine();
    Running running(*relays, in_mode(mode));
    CHECK(send_sequence(running.a.get(), 3, 1000, 100));
    shutdown(running.a.get(), SHUT_WR);
    Read request = read_sequence(running.b.get(), 3, 4096);
    CHECK_EQ(request.bytes, uint64_t{1000});
    CHECK_EQ(request.error, 0);
    CHECK(!running.has_ended());

    CHECK(send_sequence(running.b.get(), 4, 5'000'000, 60'000));
    Read answer;
    std::thread reader([&] { answer = read_sequence(running.a.get(), 4, 65536); });
    shutdown(running.b.get(), SHUT_WR);
    reader.join();
    CHECK_EQ(answer.bytes, uint64_t{5'000'000});
    CHECK(answer.equal);
    CHECK(running.wait().status.ok());
  }
}

TEST(bytes_read_before_the_start_go_first) {
  for (Mode mode : kEveryMode) {
    auto relays = engine();
    // More than any socket buffer takes at once.
    const uint64_t before = 9'000'000;
    const uint64_t total = before + 100'000;
    Running running(*relays, in_mode(mode), tcp_pair(), tcp_pair(), sequence(5, 0, before),
                    sequence(6, 0, 10));
    auto sender = std::async(std::launch::async, [&] {
      bool sent = send_sequence(running.a.get(), 5, total, 5000, before);
      shutdown(running.a.get(), SHUT_WR);
      shutdown(running.b.get(), SHUT_WR);
      return sent;
    });
    Read at_b = read_sequence(running.b.get(), 5, 100'000);
    Read at_a = read_sequence(running.a.get(), 6, 100'000);
    CHECK(sender.get());
    CHECK_EQ(at_b.bytes, total);
    CHECK_EQ(at_a.bytes, uint64_t{10});
    CHECK(at_a.equal && at_b.equal);
    CHECK(running.wait().status.ok());
  }
}

// Whoever had the socket before may have stopped reading in the middle of a segment.
TEST(half_read_segment_is_not_sent_twice) {
  for (Mode mode : kEveryMode) {
    auto relays = engine();
    SocketPair first = tcp_pair();
    CHECK(send_sequence(first.far.get(), 10, 50'000, 50'000));
    std::vector<uint8_t> before(30'001);
    CHECK_EQ(recv(first.near.get(), before.data(), before.size(), MSG_WAITALL), ssize_t{30'001});
    Running running(*relays, in_mode(mode), std::move(first), tcp_pair(), std::move(before), {});
    if (mode == Mode::sockmap) wait_until_mapped(running);
    CHECK(send_sequence(running.a.get(), 10, 90'000, 5000, 50'000));
    shutdown(running.a.get(), SHUT_WR);
    shutdown(running.b.get(), SHUT_WR);
    Read at_b = read_sequence(running.b.get(), 10, 100'000);
    CHECK_EQ(at_b.bytes, uint64_t{90'000});
    CHECK(at_b.equal);
    CHECK(running.wait().status.ok());
  }
}

// For sockmap the kernel refuses such a socket: the relay must go on without.
TEST(end_that_came_before_the_start_is_passed_on) {
  for (Mode mode : kEveryMode) {
    auto relays = engine();
    SocketPair first = tcp_pair();
    SocketPair second = tcp_pair();
    CHECK(send_sequence(first.far.get(), 7, 20'000, 5000));
    shutdown(first.far.get(), SHUT_WR);
    pollfd ended{first.near.get(), POLLRDHUP, 0};
    CHECK_EQ(poll(&ended, 1, -1), 1);
    Running running(*relays, in_mode(mode), std::move(first), std::move(second), {}, {});
    Read at_b = read_sequence(running.b.get(), 7, 4096);
    CHECK_EQ(at_b.bytes, uint64_t{20'000});
    CHECK(at_b.equal);
    CHECK(send_sequence(running.b.get(), 8, 30'000, 5000));
    shutdown(running.b.get(), SHUT_WR);
    Read at_a = read_sequence(running.a.get(), 8, 4096);
    CHECK_EQ(at_a.bytes, uint64_t{30'000});
    CHECK(running.wait().status.ok());
    CHECK(running.gauges->a_to_b.mode() != Mode::sockmap);
  }
}

TEST(automatic_turns_to_splice_for_bulk_and_back_for_small_messages) {
  auto relays = engine();
  Running running(*relays, in_mode(Mode::automatic));
  CHECK(running.gauges->a_to_b.mode() == Mode::copy);
  auto sender = std::async(std::launch::async,
                           [&] { return send_sequence(running.a.get(), 9, 64'000'000, 1'000'000); });
  std::vector<uint8_t> memory(1 << 20);
  for (uint64_t got = 0; got < 64'000'000;) {
    ssize_t count = recv(running.b.get(), memory.data(), memory.size(), 0);
    CHECK(count > 0);
    if (count <= 0) break;
    got += count;
  }
  CHECK(sender.get());
  CHECK(running.gauges->a_to_b.bytes(Mode::splice) > 32'000'000);
  for (int i = 0; i < 50; i++) {
    CHECK_EQ(send(running.a.get(), "x", 1, 0), ssize_t{1});
    CHECK_EQ(recv(running.b.get(), memory.data(), 1, 0), ssize_t{1});
  }
  CHECK(running.gauges->a_to_b.mode() == Mode::copy);
  CHECK(running.gauges->a_to_b.changes() >= 2);
}

}  // namespace ktls::relay::test

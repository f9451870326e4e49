// What a relay owes to ends with TLS: the same checks for our own record layer and the kernel's.
#pragma once

#include "relay/tls_end.h"
#include "tests/relay_fixture.h"
#include "tests/tls_connection_support.h"

namespace ktls::relay::test {

using ktls::test::Buffer;
using ktls::test::carry;
using ktls::test::pattern;
using ktls::test::RecordForge;
using tls::CipherSuite;
using tls::Connection;
using tls::ContentType;
using tls::KernelPolicy;

// How the relay holds one of its ends: without TLS, or with this record layer.
enum class Kind : uint8_t { plain, user, kernel };

inline constexpr Mode kModesWithTls[] = {Mode::automatic, Mode::copy, Mode::splice};

struct Leg {
  // In user space, whatever the relay's end is.
  std::unique_ptr<Connection> far;
  RelayEnd near;
};

inline tls::ConnectionOptions options_of(Kind kind) {
  return {.kernel = kind == Kind::kernel ? KernelPolicy::require : KernelPolicy::off};
}

inline Leg leg(Kind kind, CipherSuite suite = CipherSuite::aes_128_gcm_sha256,
               const tls::ConnectionOptions& far = {.kernel = KernelPolicy::off}) {
  if (kind != Kind::plain) {
    ktls::test::Ends ends = ktls::test::connected(suite, far, options_of(kind));
    return {std::move(ends.a), {tls_end(std::move(ends.b)), {}}};
  }
  SocketPair pair = tcp_pair();
  auto bare = Connection::create_plain(std::move(pair.far));
  CHECK_OK(bare);
  return {std::move(*bare), plain(std::move(pair.near))};
}

inline void check_pair(Kind a, Kind b, Mode mode, CipherSuite suite, size_t bytes) {
  auto relays = engine();
  Leg left = leg(a, suite);
  Leg right = leg(b, suite);
  Running running(*relays, in_mode(mode), std::move(left.near), std::move(right.near));
  const Buffer there = pattern(bytes, 1);
  const Buffer back = pattern(bytes / 3, 2);
  // carry() ends its direction: the other one must go on.
  CHECK(carry(*left.far, *right.far, there, 50'000, 1 << 18) == there);
  CHECK(carry(*right.far, *left.far, back, 777, 1 << 18) == back);
  CHECK_OK(running.wait().status);
  CHECK_EQ(running.gauges->a_to_b.bytes(), uint64_t{there.size()});
  CHECK_EQ(running.gauges->b_to_a.bytes(), uint64_t{back.size()});
  const bool can_splice = a != Kind::user && b != Kind::user;
  const uint64_t spliced = running.gauges->a_to_b.bytes(Mode::splice);
  if (mode == Mode::copy || !can_splice) CHECK_EQ(spliced, uint64_t{0});
  if (mode == Mode::splice && can_splice) CHECK(spliced > 0);
}

inline void check_pairs(std::initializer_list<Kind> kinds) {
  for (Kind a : kinds) {
    for (Kind b : kinds) {
      for (Mode mode : kModesWithTls) {
        check_pair(a, b, mode, CipherSuite::aes_128_gcm_sha256, 3'000'000);
      }
    }
  }
}

// A relay between a peer that seals whatever a test wants and a plain socket.
struct Forged {
  Fd peer;
  RecordForge forge;
  Fd plain_side;
  std::unique_ptr<Running> running;

  void send(ContentType type, Bytes content) {
    ktls::test::send_raw(peer.get(), forge.record(type, content));
  }
};

inline Forged forged(Engine& relays, Kind kind, Mode mode) {
  const auto suite = CipherSuite::aes_128_gcm_sha256;
  SocketPair pair = tcp_pair();
  SocketPair bare = tcp_pair();
  auto near = ktls::test::connection(std::move(pair.near), suite, ktls::test::kSeedOfA, ktls::test::kSeedOfB,
                                     options_of(kind));
  auto running = std::make_unique<Running>(relays, in_mode(mode), RelayEnd{tls_end(std::move(near)), {}},
                                           plain(std::move(bare.near)));
  return {std::move(pair.far), RecordForge(ktls::test::sample_state(suite, ktls::test::kSeedOfB)),
          std::move(bare.far), std::move(running)};
}

inline constexpr uint8_t kTicket[] = {4, 0, 0, 3, 1, 2, 3};
inline constexpr uint8_t kCloseNotify[] = {1, 0};
inline constexpr uint8_t kHandshakeFailure[] = {2, 40};

inline void check_control_records(Kind kind) {
  for (Mode mode : kModesWithTls) {
    auto relays = engine();
    Forged forged = test::forged(*relays, kind, mode);
    Buffer sent;
    auto sender = std::async(std::launch::async, [&] {
      for (int i = 0; i < 300; i++) {
        const Buffer part = sequence(1, sent.size(), 1 + i * 53);
        forged.send(ContentType::application_data, part);
        sent.insert(sent.end(), part.begin(), part.end());
        if (i % 3 == 0) forged.send(ContentType::handshake, kTicket);
        if (i % 7 == 0) forged.send(ContentType::application_data, {});
      }
      forged.send(ContentType::alert, kCloseNotify);
      return true;
    });
    Read got = read_sequence(forged.plain_side.get(), 1, 100'000);
    CHECK(sender.get());
    CHECK_EQ(got.bytes, uint64_t{sent.size()});
    CHECK(got.equal);
    CHECK_EQ(got.error, 0);
    shutdown(forged.plain_side.get(), SHUT_WR);
    CHECK_OK(forged.running->wait().status);
  }
}

// Whatever ends a TLS connection but close_notify must not look like an end to the other side.
inline void check_bad_ends(Kind kind) {
  for (Mode mode : kModesWithTls) {
    for (Code expected : {Code::truncated, Code::alert, Code::bad_record_mac}) {
      auto relays = engine();
      Forged forged = test::forged(*relays, kind, mode);
      forged.send(ContentType::application_data, sequence(1, 0, 5000));
      Buffer memory(5000);
      CHECK_EQ(recv(forged.plain_side.get(), memory.data(), memory.size(), MSG_WAITALL), ssize_t{5000});
      if (expected == Code::truncated) shutdown(forged.peer.get(), SHUT_WR);
      if (expected == Code::alert) forged.send(ContentType::alert, kHandshakeFailure);
      if (expected == Code::bad_record_mac) {
        Buffer record = forged.forge.record(ContentType::application_data, kTicket);
        record.back() ^= 1;
        ktls::test::send_raw(forged.peer.get(), record);
      }
      Read rest = read_sequence(forged.plain_side.get(), 1, 100);
      CHECK_EQ(rest.bytes, uint64_t{0});
      CHECK_EQ(rest.error, ECONNRESET);
      Outcome outcome = forged.running->wait();
      CHECK_EQ(outcome.status.code(), expected);
      CHECK(outcome.side == Side::a);
    }
  }
}

inline void check_sockmap_is_refused(Kind kind) {
  for (bool fallback : {false, true}) {
    auto relays = engine();
    Options options = in_mode(Mode::sockmap);
    options.fallback = fallback;
    Leg left = leg(kind);
    Leg right = leg(Kind::plain);
    Running running(*relays, options, std::move(left.near), std::move(right.near));
    if (!fallback) {
      CHECK_CODE(running.wait().status, sockmap_unavailable);
      continue;
    }
    const Buffer data = pattern(100'000);
    CHECK(carry(*left.far, *right.far, data, 5000, 1 << 16) == data);
    CHECK(carry(*right.far, *left.far, data, 5000, 1 << 16) == data);
    CHECK_OK(running.wait().status);
    CHECK(std::string(running.gauges->a_to_b.fallback()).find("TLS") != std::string::npos);
  }
}

}  // namespace ktls::relay::test

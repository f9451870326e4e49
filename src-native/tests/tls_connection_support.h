// Two connections that talk to each other, for tests of what RFC 8446 asks beyond the single record.
#pragma once

#include <memory>
#include <thread>

#include "tests/tls_support.h"
#include "tls/connection.h"

namespace ktls::test {

using tls::Connection;
using tls::ConnectionOptions;
using tls::KernelPolicy;
using tls::Role;

inline std::shared_ptr<Cancel> cancel_flag() {
  Result<std::shared_ptr<Cancel>> made = Cancel::create();
  CHECK_OK(made);
  return std::move(*made);
}

// Longer than any test needs; what hangs shall fail, not hang.
inline constexpr std::chrono::milliseconds kPatience = std::chrono::minutes(4);

struct Ends {
  std::unique_ptr<Connection> a;
  std::unique_ptr<Connection> b;
};

inline constexpr uint8_t kSeedOfA = 1;
inline constexpr uint8_t kSeedOfB = 2;

inline std::unique_ptr<Connection> connection(Fd fd, CipherSuite suite, uint8_t tx_seed, uint8_t rx_seed,
                                              const ConnectionOptions& options) {
  Result<std::unique_ptr<Connection>> made =
      Connection::create(std::move(fd), sample_state(suite, tx_seed), sample_state(suite, rx_seed), options);
  CHECK_OK(made);
  return std::move(*made);
}

inline Ends connected(CipherSuite suite, const ConnectionOptions& a, const ConnectionOptions& b) {
  net::SocketPair pair = tcp_pair();
  return {connection(std::move(pair.first), suite, kSeedOfA, kSeedOfB, a),
          connection(std::move(pair.second), suite, kSeedOfB, kSeedOfA, b)};
}

// A connection, and the bare socket of a peer that seals whatever a test wants.
struct Faced {
  std::unique_ptr<Connection> connection;
  Fd peer;
  RecordForge forge;
  // Opens what the connection sends.
  tls::UserReader from_connection;

  void send(ContentType type, Bytes content) { send_raw(peer.get(), forge.record(type, content)); }
};

inline Faced faced(CipherSuite suite, const ConnectionOptions& options) {
  net::SocketPair pair = tcp_pair();
  const int peer = pair.second.get();
  return {connection(std::move(pair.first), suite, kSeedOfA, kSeedOfB, options), std::move(pair.second),
          RecordForge(sample_state(suite, kSeedOfB)), user_reader(peer, sample_state(suite, kSeedOfA))};
}

// What read() says once something has come, tickets apart.
inline Result<size_t> read_after_wait(Connection& connection, MutableBytes into) {
  for (;;) {
    if (!connection.has_buffered()) wait_readable(connection.fd());
    Result<size_t> got = connection.read(into);
    if (got.ok() && *got == 0) continue;
    if (!got.is(Code::would_block)) return got;
  }
}

inline tls::RecordReader::Received next_record(tls::RecordReader& reader, int fd, MutableBytes into) {
  for (;;) {
    Result<tls::RecordReader::Received> got = reader.read(into);
    if (!got.is(Code::would_block)) {
      CHECK_OK(got);
      return *got;
    }
    wait_readable(fd);
  }
}

// The next record from the connection must be this fatal alert.
inline void check_alert(Faced& faced, tls::AlertDescription expected) {
  Buffer into(65536);
  tls::RecordReader::Received got = next_record(faced.from_connection, faced.peer.get(), into);
  CHECK(got.type == ContentType::alert);
  CHECK_EQ(got.control.size(), size_t{2});
  CHECK_EQ(got.control[0], uint8_t{2});
  CHECK_EQ(got.control[1], static_cast<uint8_t>(expected));
}

// Sends all of `data`, and close_notify, on a thread of its own while this one reads; what arrived, up to
// the end of the stream.
inline Buffer carry(Connection& from, Connection& to, Bytes data, size_t piece, size_t room) {
  std::shared_ptr<Cancel> cancel = cancel_flag();
  const Connection::Patience patience = {*cancel, kPatience};
  Status sent;
  std::thread sender([&] {
    for (size_t at = 0; sent.ok() && at < data.size(); at += piece) {
      sent = from.write_all(data.subspan(at, std::min(piece, data.size() - at)), patience);
    }
    if (sent.ok()) sent = from.flush_all(patience);
    if (sent.ok()) sent = from.close_notify();
    if (sent.ok()) sent = from.flush_all(patience);
  });
  Buffer all, into(room);
  Status ended;
  for (;;) {
    Result<size_t> got = to.read_some(into, patience);
    if (!got.ok()) {
      ended = got.status();
      break;
    }
    all.insert(all.end(), into.begin(), into.begin() + static_cast<ptrdiff_t>(*got));
  }
  if (!ended.is(Code::end_of_stream)) cancel->set();
  sender.join();
  if (!ended.is(Code::end_of_stream)) CHECK_OK(ended);
  CHECK_OK(sent);
  return all;
}

}  // namespace ktls::test

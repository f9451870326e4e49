// What the tests of the record layers share: connected sockets, states, and hand-made records.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "net/socket.h"
#include "tests/check.h"
#include "tests/tcp_pair.h"
#include "tls/record_protection.h"
#include "tls/user_reader.h"
#include "tls/user_writer.h"

namespace ktls::test {

using tls::CipherSuite;
using tls::ContentType;
using Buffer = std::vector<uint8_t>;

inline Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// "17 03 03" → bytes.
inline Buffer hex(std::string_view text) {
  Buffer out;
  std::string digits;
  for (char c : text) {
    if (isxdigit(static_cast<unsigned char>(c))) digits += c;
  }
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::strtoul(digits.substr(i, 2).c_str(), nullptr, 16)));
  }
  return out;
}

inline tls::TrafficState sample_state(CipherSuite suite, uint8_t seed = 1, uint64_t sequence = 0) {
  tls::TrafficState state = {suite, {}, sequence};
  for (size_t i = 0; i < sizeof state.secret; ++i) state.secret[i] = static_cast<uint8_t>(seed + 3 * i);
  return state;
}

// Recognizable at every offset, so that a piece in a wrong place shows.
inline Buffer pattern(size_t length, uint32_t seed = 1) {
  Buffer out(length);
  uint32_t x = seed * 2654435761u + 1;
  for (uint8_t& byte : out) {
    x = x * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(x >> 24);
  }
  return out;
}

inline net::SocketPair local_pair() {
  int fds[2];
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

// How much fits before the writer has to wait: the kernel makes at least 4 KiB of it.
inline void shrink_buffers(const net::SocketPair& pair) {
  const int size = 1;
  CHECK_EQ(setsockopt(pair.first.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  CHECK_EQ(setsockopt(pair.second.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

inline void wait_readable(int fd) {
  pollfd watched = {fd, POLLIN, 0};
  CHECK(poll(&watched, 1, 240'000) == 1);
}

inline void send_raw(int fd, Bytes data) {
  CHECK_EQ(send(fd, data.data(), data.size(), MSG_NOSIGNAL), static_cast<ssize_t>(data.size()));
}

inline std::unique_ptr<tls::RecordProtection> protection(const tls::TrafficState& state,
                                                         tls::Aead::Direction direction) {
  Result<std::unique_ptr<tls::RecordProtection>> made = tls::create_protection(state, direction);
  CHECK_OK(made);
  return std::move(*made);
}

inline tls::UserWriter user_writer(int fd, const tls::TrafficState& state, size_t batch = 262144) {
  return tls::UserWriter(fd, protection(state, tls::Aead::Direction::seal), batch);
}

inline tls::UserReader user_reader(int fd, const tls::TrafficState& state, size_t buffer = 262144) {
  return tls::UserReader(fd, protection(state, tls::Aead::Direction::open), buffer);
}

// Records as a peer that breaks the rules would seal them: any inner plaintext under valid keys.
class RecordForge {
 public:
  explicit RecordForge(const tls::TrafficState& state)
      : protection_(protection(state, tls::Aead::Direction::seal)) {}

  Buffer record(ContentType type, Bytes content) {
    Buffer out(content.size() + protection_->overhead());
    CHECK_OK(protection_->seal(type, content, out.data()));
    return out;
  }
  // `inner`: content, type and padding. It is sealed as content and type, whatever they mean.
  Buffer inner(Bytes inner) {
    CHECK(!inner.empty());
    return record(static_cast<ContentType>(inner.back()), inner.first(inner.size() - 1));
  }
  void update_key() { CHECK_OK(protection_->update_key()); }

 private:
  std::unique_ptr<tls::RecordProtection> protection_;
};

}  // namespace ktls::test

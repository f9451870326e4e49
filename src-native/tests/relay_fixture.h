// What the relay's tests share: connected sockets, a relay between two of them, and peers that send
// and check a sequence of bytes that can be computed from its seed.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "relay/engine.h"
#include "tests/check.h"

namespace ktls::relay::test {

inline void must(bool condition, const char* what) {
  if (condition) return;
  perror(what);
  abort();
}

struct SocketPair {
  Fd near;
  Fd far;
};

// A socket over loopback, with so little room that every large write is cut if `small_buffers`: from before
// it connects, for TCP would stall where its window shrinks.
inline Fd tcp_socket(bool small_buffers) {
  Fd made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  must(static_cast<bool>(made), "socket");
  const int size = 8192;
  for (int option : {SO_SNDBUF, SO_RCVBUF}) {
    if (small_buffers) setsockopt(made.get(), SOL_SOCKET, option, &size, sizeof size);
  }
  return made;
}

// What all pairs of a process connect to: with a listener each, some thousand pairs would use up the ports
// for the minute that TCP keeps them.
struct Listener {
  explicit Listener(bool small_buffers) : socket(tcp_socket(small_buffers)) {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
    must(listen(socket.get(), 16) == 0, "listen");
    socklen_t length = sizeof address;
    getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
  }

  Fd socket;
  sockaddr_in address{};
};

inline SocketPair tcp_pair(bool small_buffers = false) {
  static std::mutex mutex;  // what is accepted is what has just connected
  static const Listener usual(false);
  static const Listener small(true);
  const Listener& listener = small_buffers ? small : usual;
  std::lock_guard lock(mutex);
  Fd near = tcp_socket(small_buffers);
  must(
      connect(near.get(), reinterpret_cast<const sockaddr*>(&listener.address), sizeof listener.address) == 0,
      "connect");
  Fd far(accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  must(static_cast<bool>(far), "accept4");
  const int on = 1;
  setsockopt(far.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return {std::move(near), std::move(far)};
}

inline RelayEnd plain(Fd socket, std::vector<uint8_t> initial = {}) {
  auto end = plain_end(std::move(socket));
  must(end.ok(), "plain_end");
  return {std::move(*end), std::move(initial)};
}

// A relay that was started, with its two far ends.
class Running {
 public:
  Running(Engine& engine, const Options& options, bool small_buffers = false)
      : Running(engine, options, tcp_pair(small_buffers), tcp_pair(small_buffers), {}, {}) {}

  Running(Engine& engine, const Options& options, SocketPair first, SocketPair second,
          std::vector<uint8_t> initial_a, std::vector<uint8_t> initial_b)
      : Running(engine, options, plain(std::move(first.near), std::move(initial_a)),
                plain(std::move(second.near), std::move(initial_b))) {
    a = std::move(first.far);
    b = std::move(second.far);
  }

  // The far ends are somebody else's.
  Running(Engine& engine, const Options& options, RelayEnd first, RelayEnd second) : engine_(engine) {
    id_ =
        engine.start(std::move(first), std::move(second), options, gauges, [state = state_](Outcome outcome) {
          std::lock_guard lock(state->mutex);
          state->outcome = std::move(outcome);
          state->ended.notify_all();
        });
  }

  void abort() { engine_.abort(id_); }

  Outcome wait() {
    std::unique_lock lock(state_->mutex);
    bool in_time =
        state_->ended.wait_for(lock, std::chrono::minutes(4), [this] { return state_->outcome.has_value(); });
    must(in_time, "the relay did not end");
    return *state_->outcome;
  }

  bool has_ended() {
    std::lock_guard lock(state_->mutex);
    return state_->outcome.has_value();
  }

  Fd a;
  Fd b;
  std::shared_ptr<Gauges> gauges = std::make_shared<Gauges>();

 private:
  struct State {
    std::mutex mutex;  // guards outcome
    std::condition_variable ended;
    std::optional<Outcome> outcome;
  };

  Engine& engine_;
  uint64_t id_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// The kernel takes a direction over when all that came before was read.
inline void wait_until_mapped(Running& running) {
  while (running.gauges->a_to_b.mode() != Mode::sockmap) {
    CHECK(!running.has_ended());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

inline uint8_t byte_at(uint64_t seed, uint64_t position) {
  uint64_t mixed = (position >> 3) * 0x9E3779B97F4A7C15u + seed * 0xD1B54A32D192ED03u;
  mixed ^= mixed >> 29;
  return static_cast<uint8_t>(mixed >> (8 * (position & 7)));
}

inline std::vector<uint8_t> sequence(uint64_t seed, uint64_t from, size_t count) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; i++) bytes[i] = byte_at(seed, from + i);
  return bytes;
}

// Sends `total` bytes of the sequence in random segments, with a pause now and then. False on error.
inline bool send_sequence(int socket, uint64_t seed, uint64_t total, size_t largest, uint64_t from = 0) {
  std::mt19937_64 random(seed);
  for (uint64_t sent = from; sent < total;) {
    size_t count = std::min<uint64_t>(1 + random() % largest, total - sent);
    auto bytes = sequence(seed, sent, count);
    for (size_t done = 0; done < count;) {
      ssize_t wrote = send(socket, bytes.data() + done, count - done, MSG_NOSIGNAL);
      if (wrote <= 0) return false;
      done += wrote;
    }
    sent += count;
    if (random() % 64 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(random() % 4));
  }
  return true;
}

struct Read {
  uint64_t bytes = 0;
  bool equal = true;
  int error = 0;  // 0: an orderly end
};

// Reads to the end, in random portions with a pause now and then, and compares.
inline Read read_sequence(int socket, uint64_t seed, size_t largest) {
  std::mt19937_64 random(seed ^ 0x5555);
  Read result;
  std::vector<uint8_t> memory(largest);
  for (;;) {
    ssize_t count = recv(socket, memory.data(), 1 + random() % largest, 0);
    if (count < 0) result.error = errno;
    if (count <= 0) return result;
    for (ssize_t i = 0; i < count; i++) {
      if (memory[i] != byte_at(seed, result.bytes + i)) result.equal = false;
    }
    result.bytes += count;
    if (random() % 64 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(random() % 4));
  }
}

inline Options in_mode(Mode mode) {
  Options options;
  options.mode = mode;
  return options;
}

inline std::unique_ptr<Engine> engine() {
  auto created = Engine::create(kDefaultThreads);
  must(created.ok(), "Engine::create");
  return std::move(*created);
}

inline constexpr Mode kEveryMode[] = {Mode::automatic, Mode::copy, Mode::splice, Mode::sockmap};

}  // namespace ktls::relay::test

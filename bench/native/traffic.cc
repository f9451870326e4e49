// Traffic for a relay between two ends that are both this program.
//
// usage: traffic sink|echo                       serves on a loopback port, which it prints, until it is
// killed
//        traffic send|echo-send|ping PORT CONNECTIONS SECONDS MESSAGE
//
// `send`: as much as goes one way; every connection is ended, and the sink's count of its bytes waited for.
// `echo-send`: as much as comes back, with at most 256 KiB under way on each connection.
// `ping`: a message of so many bytes, at most 256 KiB, to and fro on every connection. Each prints one JSON
// object: seconds, bytes, roundTrips, and of the round trips the median and the 99th percentile in
// microseconds.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kChunk = 256 << 10;
char chunk[kChunk];

struct Connection {
  uint64_t sent = 0;
  uint64_t received = 0;
  bool source_ended = false;
  Clock::time_point pinged;
};

[[noreturn]] void die(const char* what) {
  perror(what);
  exit(1);
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void prepare(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void watch(int epoll, int operation, int fd, uint32_t events) {
  epoll_event event{events, {.fd = fd}};
  if (epoll_ctl(epoll, operation, fd, &event) != 0) die("epoll_ctl");
}

// Sends `count` bytes that the socket's buffer is known to take.
void send_all(int fd, const void* data, size_t count) {
  if (write(fd, data, count) != static_cast<ssize_t>(count)) die("write");
}

// --- Serving -----------------------------------------------------------------------------------------

// What was read and not yet sent back is `received - sent`, and all bytes are alike: no buffer is needed.
bool serve_ready(int epoll, int fd, Connection& connection, bool echo) {
  for (;;) {
    const uint64_t owed = echo ? connection.received - connection.sent : 0;
    if (owed > 0) {
      const ssize_t count = write(fd, chunk, std::min<uint64_t>(owed, kChunk));
      if (count < 0 && errno == EAGAIN) {
        watch(epoll, EPOLL_CTL_MOD, fd, EPOLLOUT);
        return true;
      }
      if (count < 0) return false;
      connection.sent += count;
      continue;
    }
    const ssize_t count = read(fd, chunk, kChunk);
    if (count < 0 && errno == EAGAIN) {
      watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN);
      return true;
    }
    if (count == 0 && !echo) send_all(fd, &connection.received, sizeof connection.received);
    if (count <= 0) return false;
    connection.received += count;
  }
}

int serve(bool echo) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0) die("bind");
  if (listen(listener, 4096) != 0) die("listen");
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
  std::unordered_map<int, Connection> connections;
  for (;;) {
    epoll_event events[256];
    const int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; i++) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int accepted = accept(listener, nullptr, nullptr);
        if (accepted < 0) continue;
        prepare(accepted);
        connections[accepted] = {};
        watch(epoll, EPOLL_CTL_ADD, accepted, EPOLLIN);
      } else if (!serve_ready(epoll, fd, connections[fd], echo)) {
        connections.erase(fd);
        close(fd);
      }
    }
  }
}

// --- Sending -----------------------------------------------------------------------------------------

enum class Kind { send, echo, ping };

struct Load {
  Kind kind;
  Clock::time_point until;
  size_t message;
  std::vector<double> latencies;  // microseconds
  uint64_t bytes = 0;

  bool over() const { return Clock::now() >= until; }
  // False when the connection is done.
  bool write_more(int fd, Connection& connection);
  bool read_more(int fd, Connection& connection);
};

bool Load::write_more(int fd, Connection& connection) {
  while (!connection.source_ended) {
    if (over()) {
      connection.source_ended = true;
      shutdown(fd, SHUT_WR);
      return true;
    }
    size_t room = kChunk;
    if (kind == Kind::echo) room -= std::min<uint64_t>(kChunk, connection.sent - connection.received);
    if (kind == Kind::ping) {
      const size_t begun = connection.sent % message;
      room = begun > 0 || connection.sent == connection.received ? message - begun : 0;
      if (room == message) connection.pinged = Clock::now();
    }
    if (room == 0) return true;
    const ssize_t count = write(fd, chunk, room);
    if (count < 0 && errno == EAGAIN) return true;
    if (count < 0) die("write");
    connection.sent += count;
  }
  return true;
}

bool Load::read_more(int fd, Connection& connection) {
  for (;;) {
    const ssize_t count = read(fd, chunk, kChunk);
    if (count < 0 && errno == EAGAIN) return true;
    if (count < 0) die("read");
    if (count == 0) {
      const uint64_t expected = kind == Kind::send ? sizeof(uint64_t) : connection.sent;
      if (connection.received != expected) {
        fprintf(stderr, "%llu bytes were sent, %llu came back\n",
                static_cast<unsigned long long>(connection.sent),
                static_cast<unsigned long long>(connection.received));
        exit(1);
      }
      return false;
    }
    connection.received += count;
    if (kind == Kind::ping && connection.received % message == 0) {
      latencies.push_back(
          std::chrono::duration<double, std::micro>(Clock::now() - connection.pinged).count());
    }
    if (kind == Kind::send) {
      uint64_t counted;
      if (count != sizeof counted) die("a short answer");
      memcpy(&counted, chunk, sizeof counted);
      if (counted != connection.sent) die("bytes are missing");
      bytes += counted;
    } else {
      bytes += count;
    }
  }
}

int load(Kind kind, int port, int count, double seconds, size_t message) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::unordered_map<int, Connection> connections;
  for (int i = 0; i < count; i++) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(port);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connect");
    prepare(fd);
    connections[fd] = {};
  }
  const auto start = Clock::now();
  Load load{kind,
            start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)),
            message,
            {}};
  for (auto& [fd, connection] : connections) {
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLET);
    load.write_more(fd, connection);
  }
  while (!connections.empty()) {
    epoll_event events[256];
    const int ready = epoll_wait(epoll, events, 256, 1000);
    for (int i = 0; i < ready; i++) {
      const int fd = events[i].data.fd;
      Connection& connection = connections[fd];
      if (load.read_more(fd, connection)) {
        load.write_more(fd, connection);
      } else {
        close(fd);
        connections.erase(fd);
      }
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  std::sort(load.latencies.begin(), load.latencies.end());
  const auto percentile = [&](double share) {
    return load.latencies.empty() ? 0.0
                                  : load.latencies[static_cast<size_t>(share * (load.latencies.size() - 1))];
  };
  printf("{\"seconds\":%f,\"bytes\":%llu,\"roundTrips\":%zu,\"medianUs\":%.1f,\"p99Us\":%.1f}\n", took,
         static_cast<unsigned long long>(load.bytes), load.latencies.size(), percentile(0.5),
         percentile(0.99));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const std::string kind = argc > 1 ? argv[1] : "";
  if (argc == 2 && (kind == "sink" || kind == "echo")) return serve(kind == "echo");
  if (argc == 6) {
    const int port = atoi(argv[2]);
    const int connections = atoi(argv[3]);
    const double seconds = atof(argv[4]);
    const size_t message = std::clamp<size_t>(atoll(argv[5]), 1, kChunk);
    if (kind == "send") return load(Kind::send, port, connections, seconds, message);
    if (kind == "echo-send") return load(Kind::echo, port, connections, seconds, message);
    if (kind == "ping") return load(Kind::ping, port, connections, seconds, message);
  }
  fprintf(stderr,
          "usage: traffic sink|echo, or traffic send|echo-send|ping PORT CONNECTIONS SECONDS MESSAGE\n");
  return 125;
}

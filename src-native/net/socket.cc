#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <string_view>

namespace ktls::net {

namespace {

// A segment over loopback, the longest, and what the kernel counts beside its bytes.
constexpr int kSmallestSendBuffer = 128 * 1024;

// Of each direction, between two ends on one machine. What the kernel counts beside the bytes, it adds.
constexpr int kBufferToOneself = 256 * 1024;

// Over loopback a round trip takes 20 to 50 µs; what takes longer is a path, be it simulated (tc-netem(8)).
constexpr std::chrono::milliseconds kShortestPath{1};
constexpr std::chrono::milliseconds kFar{10};

// The last number of a file in /proc/sys/net, in bytes; 0 when it cannot be read.
int last_number(const char* path) {
  std::ifstream file(path);
  int number = 0;
  for (int next; file >> next;) number = next;
  return number;
}

// What autotuning may make of a buffer.
int largest_autotuned_send_buffer() { return last_number("/proc/sys/net/ipv4/tcp_wmem"); }
int largest_autotuned_receive_buffer() { return last_number("/proc/sys/net/ipv4/tcp_rmem"); }

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  bool operator==(const Address& other) const {
    return length == other.length && memcmp(&storage, &other.storage, length) == 0;
  }
};

// The address alone, without the port. IPv4 that is mapped into IPv6 stays so.
std::string_view host_of(const Address& address) {
  const auto* in = reinterpret_cast<const sockaddr_in*>(&address.storage);
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
  switch (address.storage.ss_family) {
    case AF_INET:
      return {reinterpret_cast<const char*>(&in->sin_addr), sizeof in->sin_addr};
    case AF_INET6:
      return {reinterpret_cast<const char*>(&in6->sin6_addr), sizeof in6->sin6_addr};
  }
  return {};
}

// As TCP has measured it so far, if it has, and if it is TCP.
std::optional<std::chrono::microseconds> shortest_round_trip(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  // Before the first measurement it is the greatest number there is.
  if (info.tcpi_min_rtt == UINT32_MAX) return std::nullopt;
  return std::chrono::microseconds(info.tcpi_min_rtt);
}

Address loopback(int family) {
  Address address;
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.length = sizeof *in;
  } else {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_addr = IN6ADDR_LOOPBACK_INIT;
    address.length = sizeof *in6;
  }
  return address;
}

Result<SocketPair> loopback_pair_of(int family) {
  Address address = loopback(family);
  Fd listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener) return Status::system("socket", errno);
  if (bind(listener.get(), address.get(), address.length) != 0) return Status::system("bind", errno);
  if (listen(listener.get(), 8) != 0) return Status::system("listen", errno);
  if (getsockname(listener.get(), address.get(), &address.length) != 0) {
    return Status::system("getsockname", errno);
  }
  Fd first(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!first) return Status::system("socket", errno);
  if (connect(first.get(), address.get(), address.length) != 0) return Status::system("connect", errno);
  Address wanted;
  wanted.length = sizeof wanted.storage;
  if (getsockname(first.get(), wanted.get(), &wanted.length) != 0)
    return Status::system("getsockname", errno);
  // Another program may have connected to the port meanwhile: take the connection that is ours.
  for (;;) {
    Address peer;
    peer.length = sizeof peer.storage;
    Fd second(accept4(listener.get(), peer.get(), &peer.length, SOCK_CLOEXEC));
    if (!second && errno != EINTR && errno != ECONNABORTED) return Status::system("accept", errno);
    if (second && peer == wanted) return SocketPair{std::move(first), std::move(second)};
  }
}

}  // namespace

bool is_same_machine(int fd) {
  // From one of a machine's addresses to another the kernel takes loopback, too, but this cannot be seen
  // here.
  Address here;
  Address there;
  here.length = there.length = sizeof here.storage;
  if (getsockname(fd, here.get(), &here.length) != 0) return false;
  if (getpeername(fd, there.get(), &there.length) != 0) return false;
  if (host_of(here).empty() || host_of(here) != host_of(there)) return false;
  const auto took = shortest_round_trip(fd);
  return took && *took < kShortestPath;
}

bool is_far(int fd) {
  const auto took = shortest_round_trip(fd);
  return took && *took >= kFar;
}

Status set_nonblocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return Status::system("fcntl", errno);
  return {};
}

Status set_nodelay(int fd, bool on) {
  const int value = on;
  // What is no TCP socket delays nothing.
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) == 0 || errno == EOPNOTSUPP) return {};
  return Status::system("setsockopt", errno);
}

void widen_send_buffer(int fd) {
  int size = 0;
  socklen_t length = sizeof size;
  // The file is read only where it may matter: a buffer starts beyond this on most links.
  if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) != 0 || size >= kSmallestSendBuffer) return;
  const int most = largest_autotuned_send_buffer();
  if (most == 0 || most >= kSmallestSendBuffer) return;
  // The kernel doubles it, and takes less without an error.
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSmallestSendBuffer, sizeof kSmallestSendBuffer);
}

void stop_pacing_to_oneself(int fd) {
  char name[16] = {};  // TCP_CA_NAME_MAX
  socklen_t length = sizeof name - 1;
  if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) != 0) return;
  if (!std::string_view(name).starts_with("bbr") || !is_same_machine(fd)) return;
  for (std::string_view other : {"cubic", "reno"}) {
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, other.data(), other.size()) == 0) return;
  }
}

void bound_buffers_to_oneself(int fd) {
  if (!is_same_machine(fd)) return;
  const auto bound = [fd](int option, int most, const char* limit) {
    // The kernel takes less without an error, and there is no way back to autotuning.
    if (most <= 2 * kBufferToOneself || last_number(limit) < kSmallestSendBuffer) return;
    setsockopt(fd, SOL_SOCKET, option, &kBufferToOneself, sizeof kBufferToOneself);
  };
  bound(SO_SNDBUF, largest_autotuned_send_buffer(), "/proc/sys/net/core/wmem_max");
  bound(SO_RCVBUF, largest_autotuned_receive_buffer(), "/proc/sys/net/core/rmem_max");
}

Result<SocketPair> loopback_pair() {
  Result<SocketPair> pair = loopback_pair_of(AF_INET);
  return pair.ok() ? std::move(pair) : loopback_pair_of(AF_INET6);
}

}  // namespace ktls::net

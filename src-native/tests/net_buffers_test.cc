// How much a transfer's sockets hold between two ends on one machine: read back from the kernel.
#include "net/socket.h"
#include "tests/engine_support.h"

namespace ktls::test {

namespace {

constexpr int kBounded = 512 << 10;  // the kernel doubles what it is told

// The last number of a file in /proc/sys/net.
int setting(const char* name) {
  std::ifstream file(std::string("/proc/sys/net/") + name);
  int size = 0;
  for (int next; file >> next;) size = next;
  return size;
}

// Whether autotuning may go further, and the bound may be had.
bool is_bounded(const char* tuned, const char* limit) {
  return setting(tuned) > kBounded && setting(limit) >= kBounded / 4;
}

}  // namespace

TEST(between_two_ends_on_one_machine_little_is_under_way) {
  Links links = link_pair({}, near_pair());
  for (const std::unique_ptr<engine::Link>* link : {&links.client, &links.server}) {
    const int fd = (*link)->connection().fd();
    // Otherwise 2.5 MB, before anything is sent.
    if (is_bounded("ipv4/tcp_wmem", "core/wmem_max")) CHECK(buffer_size(fd, SO_SNDBUF) <= kBounded);
    if (is_bounded("ipv4/tcp_rmem", "core/rmem_max")) CHECK(buffer_size(fd, SO_RCVBUF) <= kBounded);
    CHECK(buffer_size(fd, SO_SNDBUF) >= kBounded / 2);
  }
}

TEST(other_sockets_buffers_are_left_to_autotuning) {
  Fd unconnected(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int before = buffer_size(unconnected.get(), SO_SNDBUF);
  net::bound_buffers_to_oneself(unconnected.get());
  CHECK_EQ(buffer_size(unconnected.get(), SO_SNDBUF), before);
}

}  // namespace ktls::test

// Which congestion control a transfer's sockets have: read back from the kernel.
#include <netinet/tcp.h>

#include "net/socket.h"
#include "tests/engine_support.h"

namespace ktls::test {

namespace {

constexpr const char* kAvailable = "/proc/sys/net/ipv4/tcp_available_congestion_control";

std::string congestion_control(int fd) {
  char name[16] = {};
  socklen_t length = sizeof name - 1;
  CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
  return name;
}

// Not all that there are may be had without privileges; reno always may.
std::vector<std::string> permitted() {
  std::vector<std::string> names;
  std::ifstream file(kAvailable);
  for (std::string name; file >> name;) {
    auto [client, server] = tcp_pair();
    if (setsockopt(client.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), name.size()) == 0) {
      names.push_back(name);
    }
  }
  return names;
}

void set_congestion_control(int fd, const std::string& name) {
  CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), name.size()), 0);
}

}  // namespace

TEST(over_loopback_nothing_is_paced_and_other_choices_stay) {
  const std::vector<std::string> controls = permitted();
  CHECK(!controls.empty());
  for (const std::string& control : controls) {
    Fd unconnected(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    set_congestion_control(unconnected.get(), control);
    net::stop_pacing_to_oneself(unconnected.get());
    CHECK_EQ(congestion_control(unconnected.get()), control);

    auto [client, server] = tcp_pair();
    set_congestion_control(client.get(), control);
    net::stop_pacing_to_oneself(client.get());
    const std::string left = congestion_control(client.get());
    CHECK(control.starts_with("bbr") ? left == "cubic" || left == "reno" : left == control);
  }
}

TEST(a_transfer_asks_for_it) {
  Links links = link_pair();
  CHECK(!congestion_control(links.client->connection().fd()).starts_with("bbr"));
  CHECK(!congestion_control(links.server->connection().fd()).starts_with("bbr"));
}

}  // namespace ktls::test

// Which congestion control the sockets of connections have: read back from the kernel.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <fstream>

#include "net/socket.h"
#include "tests/tls_connection_support.h"

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

    auto [client, server] = near_pair();
    set_congestion_control(client.get(), control);
    net::stop_pacing_to_oneself(client.get());
    const std::string left = congestion_control(client.get());
    CHECK(control.starts_with("bbr") ? left == "cubic" || left == "reno" : left == control);
  }
}

TEST(connections_with_tls_and_without_ask_for_it) {
  for (const std::string& control : permitted()) {
    if (!control.starts_with("bbr")) continue;
    auto [client, server] = near_pair();
    set_congestion_control(client.get(), control);
    set_congestion_control(server.get(), control);
    const auto encrypted = connection(std::move(client), CipherSuite::aes_128_gcm_sha256, 1, 2, {});
    Result<std::unique_ptr<Connection>> plain = Connection::create_plain(std::move(server));
    CHECK_OK(plain);
    for (const int fd : {encrypted->fd(), (*plain)->fd()}) {
      CHECK(!congestion_control(fd).starts_with("bbr"));
    }
  }
}

}  // namespace ktls::test

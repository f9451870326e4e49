// A sockmap's stream parser meets segments that begin with bytes it has had: a sender repeats more than was
// lost.
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include "tests/check.h"
#include "tests/relay_fixture.h"

namespace ktls::relay::test {

namespace {

uint32_t sequence_number(int socket, int queue) {
  uint32_t number = 0;
  socklen_t length = sizeof number;
  must(setsockopt(socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof queue) == 0, "TCP_REPAIR_QUEUE");
  must(getsockopt(socket, IPPROTO_TCP, TCP_QUEUE_SEQ, &number, &length) == 0, "TCP_QUEUE_SEQ");
  return number;
}

sockaddr_in address_of(int socket, decltype(getsockname)* which) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  must(which(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0, "getsockname");
  return address;
}

uint16_t checksum(const std::vector<uint8_t>& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i++) sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return htons(static_cast<uint16_t>(~sum));
}

template <typename T>
void append(std::vector<uint8_t>& bytes, const T& value) {
  const auto* first = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), first, first + sizeof value);
}

// Puts what `socket` will send next in its peer's hands, without its knowledge: when it is sent, it has been
// received before.
void send_ahead(int socket, const std::vector<uint8_t>& data) {
  int on = 1;
  must(setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0, "TCP_REPAIR");
  tcphdr tcp{};
  tcp.th_seq = htonl(sequence_number(socket, TCP_SEND_QUEUE));
  tcp.th_ack = htonl(sequence_number(socket, TCP_RECV_QUEUE));
  int off = TCP_REPAIR_OFF_NO_WP;
  must(setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &off, sizeof off) == 0, "TCP_REPAIR");

  const sockaddr_in from = address_of(socket, getsockname);
  const sockaddr_in to = address_of(socket, getpeername);
  tcp.th_sport = from.sin_port;
  tcp.th_dport = to.sin_port;
  tcp.th_off = sizeof tcp / 4;
  tcp.th_flags = TH_ACK | TH_PUSH;
  tcp.th_win = htons(512);
  // Summed behind the pseudo-header (RFC 9293, 3.1).
  std::vector<uint8_t> summed;
  append(summed, from.sin_addr);
  append(summed, to.sin_addr);
  append(summed, htons(IPPROTO_TCP));
  append(summed, htons(static_cast<uint16_t>(sizeof tcp + data.size())));
  append(summed, tcp);
  summed.insert(summed.end(), data.begin(), data.end());
  tcp.th_sum = checksum(summed);

  std::vector<uint8_t> segment;
  append(segment, tcp);
  segment.insert(segment.end(), data.begin(), data.end());
  Fd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
  must(static_cast<bool>(raw), "socket(SOCK_RAW)");
  must(bind(raw.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0, "bind");
  must(sendto(raw.get(), segment.data(), segment.size(), 0, reinterpret_cast<const sockaddr*>(&to),
              sizeof to) == static_cast<ssize_t>(segment.size()),
       "sendto");
}

void send_all(int socket, const std::vector<uint8_t>& bytes) {
  CHECK_EQ(send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

void expect(int socket, const std::vector<uint8_t>& bytes) {
  std::vector<uint8_t> got(bytes.size());
  CHECK_EQ(recv(socket, got.data(), got.size(), MSG_WAITALL), static_cast<ssize_t>(got.size()));
  CHECK(got == bytes);
}

}  // namespace

TEST(what_comes_with_bytes_that_were_there_is_not_kept) {
  auto relays = engine();
  Running running(*relays, in_mode(Mode::sockmap));
  wait_until_mapped(running);
  send_all(running.a.get(), sequence(1, 0, 100));
  expect(running.b.get(), sequence(1, 0, 100));
  for (uint64_t at = 100; at < 5100; at += 1000) {
    send_ahead(running.a.get(), sequence(1, at, 20));
    expect(running.b.get(), sequence(1, at, 20));
    send_all(running.a.get(), sequence(1, at, 1000));
    expect(running.b.get(), sequence(1, at + 20, 980));
  }
  shutdown(running.a.get(), SHUT_WR);
  shutdown(running.b.get(), SHUT_WR);
  CHECK(running.wait().status.ok());
  CHECK_EQ(relays->sockmap_entries(), size_t{0});
}

// Of the first segment that a sockmap meets nobody can tell it what is new.
TEST(bytes_that_the_kernel_keeps_end_the_relay) {
  auto relays = engine();
  SocketPair first = tcp_pair();
  send_ahead(first.far.get(), sequence(2, 0, 20));
  Running running(*relays, in_mode(Mode::sockmap), std::move(first), tcp_pair(), {}, {});
  expect(running.b.get(), sequence(2, 0, 20));
  wait_until_mapped(running);
  send_all(running.a.get(), sequence(2, 0, 1000));
  CHECK_CODE(running.wait().status, integrity);
}

}  // namespace ktls::relay::test

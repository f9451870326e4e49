#include "relay/tcp_position.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace ktls::relay {

namespace {

bool after_fin(uint8_t state) {
  return state == BPF_TCP_CLOSE_WAIT || state == BPF_TCP_LAST_ACK || state == BPF_TCP_CLOSING ||
         state == BPF_TCP_TIME_WAIT || state == BPF_TCP_CLOSE;
}

}  // namespace

Result<TcpPosition> tcp_position(int socket) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) {
    return Status::system("getsockopt(TCP_INFO)", errno);
  }
  const bool finished = after_fin(info.tcpi_state);
  // The kernel counts a FIN as one byte.
  return TcpPosition{info.tcpi_bytes_received - (finished ? 1 : 0), info.tcpi_bytes_acked, finished,
                     info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0,
                     info.tcpi_state == BPF_TCP_CLOSE};
}

// The counters and the queues cannot be read in one call: tried until nothing happened in between.
Result<UserPosition> user_position(int socket) {
  for (;;) {
    auto before = tcp_position(socket);
    if (!before.ok()) return std::move(before).status();
    int unread = 0;
    int unacknowledged = 0;
    if (ioctl(socket, SIOCINQ, &unread) != 0 || ioctl(socket, SIOCOUTQ, &unacknowledged) != 0) {
      return Status::system("ioctl", errno);
    }
    auto after = tcp_position(socket);
    if (!after.ok()) return std::move(after).status();
    if (before->received == after->received && before->acknowledged == after->acknowledged) {
      return UserPosition{before->received - unread, before->acknowledged + unacknowledged};
    }
  }
}

}  // namespace ktls::relay

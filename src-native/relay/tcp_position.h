// How far a TCP connection is, in bytes, seen from this side.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace ktls::relay {

struct TcpPosition {
  // Bytes the peer sent that arrived here in order, a FIN not counted.
  uint64_t received;
  // Bytes sent from here that the peer acknowledged.
  uint64_t acknowledged;
  bool peer_finished;
  // All that was sent from here has been acknowledged, and nothing waits to be sent.
  bool nothing_under_way;
  // Neither direction is left: reset, or ended on both sides.
  bool closed;
};

Result<TcpPosition> tcp_position(int socket);

// The same, less what waits in the receive queue, and more what waits in the send queue: where a
// reader and a writer in user space stand. Precondition: neither reads nor writes meanwhile.
struct UserPosition {
  uint64_t read;
  uint64_t written;
};

Result<UserPosition> user_position(int socket);

}  // namespace ktls::relay

// Making and setting up sockets.
#pragma once

#include "base/fd.h"
#include "base/status.h"

namespace ktls::net {

// O_NONBLOCK, on the open file description that `fd` shares with its duplicates.
Status set_nonblocking(int fd);
// TCP_NODELAY, where it is a TCP socket. Sending what corking held back is a side effect that the kernel
// documents (tcp(7)).
Status set_nodelay(int fd, bool on = true);

// Gives a send buffer that the system keeps below a segment (net.ipv4.tcp_wmem, tcp(7)) the size of several,
// as far as net.core.wmem_max allows: each write that filled it would wait for a delayed acknowledgement, 40
// ms. Any other buffer is left to the kernel's autotuning.
void widen_send_buffer(int fd);

// Whether the peer of a connected TCP socket is on this machine, with no simulated path between
// (tc-netem(8)): at the same address, and within a millisecond as TCP has measured it.
bool is_same_machine(int fd);

// Whether a round trip to the peer takes 10 ms or more, as TCP has measured it: then a connection waits more
// than it sends until its window has grown (RFC 5681, 3.1), and its buffers' limits bound it later (tcp(7),
// tcp_rmem).
bool is_far(int fd);

// Takes bbr off a socket whose peer is on this machine: it spaces packets out by a timer, for a path that is
// not there. cubic takes its place, or reno where an unprivileged process may not have that
// (net.ipv4.tcp_allowed_congestion_control). Any other congestion control, and any other peer, is left alone.
void stop_pacing_to_oneself(int fd);

// Bounds what is under way, in each direction, on a socket whose peer is on this machine: autotuning would
// grow the buffers to megabytes, for a path that is not there, and what waits in them falls out of the
// caches. Left alone where autotuning stays below, and where net.core.wmem_max and rmem_max (socket(7)) would
// make it too little. One end must read while it waits to write.
void bound_buffers_to_oneself(int fd);

struct SocketPair {
  Fd first;
  Fd second;
};

// Two TCP sockets connected to each other over loopback, IPv4 or else IPv6. Nobody else can be at either
// end. Both block.
Result<SocketPair> loopback_pair();

}  // namespace ktls::net

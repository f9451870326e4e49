// A machine whose loopback device delays what it carries, as tc-netem(8) has it do: for whoever tries a
// program out over a path that is long.
#include <stdlib.h>

#include "tests/tcp_pair.h"

namespace ktls::test {

namespace {

class Delay {
 public:
  Delay() { CHECK_EQ(system("tc qdisc add dev lo root netem limit 100000 delay 10ms"), 0); }
  ~Delay() { system("tc qdisc delete dev lo root"); }
};

}  // namespace

TEST(buffers_of_a_path_that_takes_time_are_left_to_autotuning) {
  const Delay delay;
  const net::SocketPair pair = tcp_pair();
  for (const int fd : {pair.first.get(), pair.second.get()}) {
    const int before[] = {buffer_size(fd, SO_SNDBUF), buffer_size(fd, SO_RCVBUF)};
    net::bound_buffers_to_oneself(fd);
    CHECK_EQ(buffer_size(fd, SO_SNDBUF), before[0]);
    CHECK_EQ(buffer_size(fd, SO_RCVBUF), before[1]);
  }
}

}  // namespace ktls::test

#include "net/wait.h"

#include <errno.h>
#include <poll.h>

namespace ktls::net {

Result<short> wait(int fd, short events, const Cancel& cancel, Deadline deadline) {
  for (;;) {
    if (cancel.is_set()) return Status::of(Code::cancelled);
    pollfd watched[2] = {{fd, events, 0}, {cancel.fd(), POLLIN, 0}};
    int ready = poll(watched, 2, deadline.poll_timeout());
    if (ready < 0 && errno != EINTR) return Status::system("poll", errno);
    if (ready > 0 && watched[1].revents != 0) return Status::of(Code::cancelled);
    if (ready > 0 && watched[0].revents != 0) return watched[0].revents;
    if (ready <= 0 && deadline.passed()) return Status::of(Code::would_block);
  }
}

}  // namespace ktls::net

// Blocking, the only way the core does it: in poll(2), with the cancel flag beside the descriptor.
#pragma once

#include "base/cancel.h"
#include "base/deadline.h"
#include "base/status.h"

namespace ktls::net {

// Waits until `fd` has one of `events` (POLLIN, POLLOUT; POLLERR and POLLHUP always count) and
// returns what it has. cancelled when `cancel` is set, would_block when the deadline passes first.
Result<short> wait(int fd, short events, const Cancel& cancel, Deadline deadline);

}  // namespace ktls::net

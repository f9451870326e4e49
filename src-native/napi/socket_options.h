// What a TCP socket is asked and told besides bytes.
#pragma once

#include <napi.h>

#include "base/status.h"

namespace ktls::napi {

// { address, port, family } of this end or of the peer; undefined when the socket is not connected.
Napi::Value socket_address(Napi::Env env, int fd, bool peer);
// `idle_seconds` before the first probe; 0 leaves the kernel's.
Status set_keep_alive(int fd, bool on, int idle_seconds);
// close(2) then tells the peer by a reset.
Status reset_on_close(int fd);

}  // namespace ktls::napi

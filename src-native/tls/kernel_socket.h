// What the kernel's record layer is told by setsockopt(2) (Documentation/networking/tls.rst).
#pragma once

#include "base/status.h"
#include "tls/record_layer.h"

namespace ktls::tls {

enum class KernelDirection : uint8_t { tx, rx };

// Puts the "tls" upper layer protocol on a connected TCP socket. No other thread may be inside recv
// on it. Cannot be undone; without keys the socket goes on as before.
Status attach_ulp(int fd);

// Hands one direction over to the kernel, or gives it the next key (Linux 6.14).
Status install_key(int fd, KernelDirection direction, const TrafficState& state);

// Of the next record that the kernel will send.
Result<uint64_t> kernel_tx_sequence(int fd, CipherSuite suite);

}  // namespace ktls::tls

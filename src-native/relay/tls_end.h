// A TLS connection as one end of a relay.
#pragma once

#include <memory>

#include "relay/end.h"
#include "tls/connection.h"

namespace ktls::relay {

// The peer's close_notify is its end; ours is close_notify and FIN. An end without close_notify is
// Code::truncated, so that the far side is not told of an orderly one.
std::unique_ptr<End> tls_end(std::unique_ptr<tls::Connection> connection);

}  // namespace ktls::relay

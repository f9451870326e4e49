// NativeConnectionOptions of lib/native.ts, made a tls::Connection.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "tls/connection.h"

namespace ktls::napi {

// `keys` names cipher and version, `direction` the secret and the sequence; nullopt for a cipher that is
// none, or a secret of the wrong length.
std::optional<tls::TrafficState> traffic_state(const Napi::Object& keys, const Napi::Object& direction);

// Takes the descriptor, also when it fails. `wanted` holds what JavaScript has no word for.
Result<std::unique_ptr<tls::Connection>> create_connection(const Napi::Object& options,
                                                           tls::ConnectionOptions wanted);

}  // namespace ktls::napi

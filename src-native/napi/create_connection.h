// NativeConnectionOptions of lib/native.ts, made a tls::Connection.
#pragma once

#include <napi.h>

#include <memory>

#include "tls/connection.h"

namespace ktls::napi {

// Takes the descriptor, also when it fails. `wanted` holds what JavaScript has no word for.
Result<std::unique_ptr<tls::Connection>> create_connection(const Napi::Object& options,
                                                           tls::ConnectionOptions wanted);

}  // namespace ktls::napi

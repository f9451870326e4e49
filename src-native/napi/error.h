// The one place where a Status becomes a JavaScript error.
#pragma once

#include <napi.h>

#include "base/status.h"

namespace ktls::napi {

// An instance of the class that lib/errors.ts registered for the code.
Napi::Value to_error(Napi::Env env, const Status& status);
// The same, thrown into JavaScript when the current call returns.
void throw_error(Napi::Env env, const Status& status);

}  // namespace ktls::napi

// HELLO and HELLO_OK between JavaScript objects (lib/native.ts) and the wire.
#pragma once

#include <napi.h>

#include "wire/hello.h"

namespace ktls::napi {

wire::Hello to_hello(const Napi::Object& object);
Napi::Value from_hello(Napi::Env env, const wire::Hello& hello);
wire::HelloOk to_hello_ok(const Napi::Object& object);
Napi::Value from_hello_ok(Napi::Env env, const wire::HelloOk& answer);

}  // namespace ktls::napi

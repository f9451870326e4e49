// Reading option objects. lib/options.ts has validated what the user gave: here a missing or odd
// property becomes a default, never a crash.
#pragma once

#include <napi.h>

#include <optional>
#include <string>
#include <vector>

namespace ktls::napi {

Napi::Value property(const Napi::Object& object, const char* name);
std::string string_property(const Napi::Object& object, const char* name);
bool bool_property(const Napi::Object& object, const char* name, bool otherwise = false);
std::optional<double> number_property(const Napi::Object& object, const char* name);
uint64_t bigint_property(const Napi::Object& object, const char* name);
// A Buffer's bytes.
std::string bytes_property(const Napi::Object& object, const char* name);
// An array of Buffers.
std::vector<std::string> bytes_list_property(const Napi::Object& object, const char* name);

Napi::Value to_buffer(Napi::Env env, const std::string& bytes);

}  // namespace ktls::napi

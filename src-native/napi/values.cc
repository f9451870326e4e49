#include "napi/values.h"

namespace ktls::napi {

namespace {

std::string bytes_of(const Napi::Value& value) {
  if (!value.IsBuffer()) return {};
  auto buffer = value.As<Napi::Buffer<char>>();
  return {buffer.Data(), buffer.Length()};
}

}  // namespace

Napi::Value property(const Napi::Object& object, const char* name) {
  return object.Get(name).UnwrapOr(object.Env().Undefined());
}

std::string string_property(const Napi::Object& object, const char* name) {
  Napi::Value value = property(object, name);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

bool bool_property(const Napi::Object& object, const char* name, bool otherwise) {
  Napi::Value value = property(object, name);
  return value.IsBoolean() ? value.As<Napi::Boolean>().Value() : otherwise;
}

std::optional<double> number_property(const Napi::Object& object, const char* name) {
  Napi::Value value = property(object, name);
  if (!value.IsNumber()) return std::nullopt;
  return value.As<Napi::Number>().DoubleValue();
}

uint64_t bigint_property(const Napi::Object& object, const char* name) {
  Napi::Value value = property(object, name);
  bool lossless = false;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
}

std::string bytes_property(const Napi::Object& object, const char* name) {
  return bytes_of(property(object, name));
}

std::vector<std::string> bytes_list_property(const Napi::Object& object, const char* name) {
  std::vector<std::string> list;
  Napi::Value value = property(object, name);
  if (!value.IsArray()) return list;
  auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    list.push_back(bytes_of(array.Get(i).UnwrapOr(object.Env().Undefined())));
  }
  return list;
}

Napi::Value to_buffer(Napi::Env env, const std::string& bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

}  // namespace ktls::napi

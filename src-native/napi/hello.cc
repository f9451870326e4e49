#include "napi/hello.h"

#include <algorithm>

#include "napi/values.h"

namespace ktls::napi {

namespace {

wire::Token to_token(const Napi::Object& object) {
  wire::Token token{};
  std::string bytes = bytes_property(object, "token");
  if (bytes.size() == token.size()) std::copy(bytes.begin(), bytes.end(), token.begin());
  return token;
}

Napi::Value from_token(Napi::Env env, const wire::Token& token) {
  return Napi::Buffer<uint8_t>::Copy(env, token.data(), token.size());
}

uint8_t to_connections(const Napi::Object& object) {
  return static_cast<uint8_t>(std::clamp(number_property(object, "connections").value_or(1), 1.0, 255.0));
}

const char* kind_name(wire::HelloKind kind) {
  switch (kind) {
    case wire::HelloKind::push:
      return "push";
    case wire::HelloKind::pull:
      return "pull";
    case wire::HelloKind::join:
      return "join";
  }
  return "";
}

}  // namespace

wire::Hello to_hello(const Napi::Object& object) {
  wire::Hello hello;
  std::string kind = string_property(object, "kind");
  hello.kind = kind == "join"   ? wire::HelloKind::join
               : kind == "pull" ? wire::HelloKind::pull
                                : wire::HelloKind::push;
  hello.token = to_token(object);
  hello.connections = to_connections(object);
  hello.verify = bool_property(object, "verify", true);
  hello.ownership = bool_property(object, "ownership");
  hello.continue_on_error = bool_property(object, "continueOnError");
  hello.path = bytes_list_property(object, "path");
  return hello;
}

Napi::Value from_hello(Napi::Env env, const wire::Hello& hello) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", kind_name(hello.kind));
  object.Set("token", from_token(env, hello.token));
  object.Set("connections", static_cast<double>(hello.connections));
  object.Set("verify", hello.verify);
  object.Set("ownership", hello.ownership);
  object.Set("continueOnError", hello.continue_on_error);
  Napi::Array path = Napi::Array::New(env, hello.path.size());
  for (size_t i = 0; i < hello.path.size(); i++) {
    path.Set(static_cast<uint32_t>(i), to_buffer(env, hello.path[i]));
  }
  object.Set("path", path);
  return object;
}

wire::HelloOk to_hello_ok(const Napi::Object& object) {
  wire::HelloOk answer;
  answer.token = to_token(object);
  answer.connections = to_connections(object);
  return answer;
}

Napi::Value from_hello_ok(Napi::Env env, const wire::HelloOk& answer) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("token", from_token(env, answer.token));
  object.Set("connections", static_cast<double>(answer.connections));
  return object;
}

}  // namespace ktls::napi

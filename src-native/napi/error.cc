#include "napi/error.h"

#include "napi/addon.h"

namespace ktls::napi {

Napi::Value to_error(Napi::Env env, const Status& status) {
  auto* data = env.GetInstanceData<AddonData>();
  const std::string& path = status.path();
  // A path is bytes, not text: JavaScript decides how to show it.
  const std::initializer_list<napi_value> arguments = {
      Napi::String::New(env, code_name(status.code())),        Napi::String::New(env, status.message()),
      Napi::Number::New(env, status.error_number()),           Napi::String::New(env, status.syscall()),
      Napi::Buffer<char>::Copy(env, path.data(), path.size()),
  };
  return data->create_error.Call(arguments).UnwrapOr(env.Undefined());
}

void throw_error(Napi::Env env, const Status& status) { napi_throw(env, to_error(env, status)); }

}  // namespace ktls::napi

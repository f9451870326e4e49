#include "napi/addon.h"

namespace ktls::napi {

namespace {

void initialize(const Napi::CallbackInfo& info) {
  auto* data = info.Env().GetInstanceData<AddonData>();
  data->create_error = Napi::Persistent(info[0].As<Napi::Function>());
}

Napi::Object export_all(Napi::Env env, Napi::Object exports) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  env.SetInstanceData(new AddonData(loop));
  exports.Set("initialize", Napi::Function::New(env, initialize, "initialize"));
  export_descriptors(env, exports);
  export_file(env, exports);
  export_handshake_channel(env, exports);
  export_probe(env, exports);
  export_engine(env, exports);
  export_record_key(env, exports);
  export_relay(env, exports);
  export_socket(env, exports);
  export_tls_context(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(ktls_transfer, export_all)

}  // namespace ktls::napi

#include "napi/tls_context.h"

#include "napi/addon.h"
#include "napi/error.h"

namespace ktls::napi {

namespace {

// So that another object is not taken for one of these.
constexpr napi_type_tag kTypeTag = {0x6b746c732d746c73, 0x2d636f6e74657874};

}  // namespace

Napi::Function TlsContext::define(Napi::Env env) { return DefineClass(env, "TlsContext", {}); }

TlsContext::TlsContext(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TlsContext>(info) {
  Napi::Env env = info.Env();
  auto make = info[0].As<Napi::Function>();
  // What it throws is pending.
  context_ = tls::SslContext::take([&] { (void)make.Call({}); });
  if (env.IsExceptionPending()) return;
  if (context_ == nullptr) {
    throw_error(env,
                Status::fail(Code::unsupported,
                             "the TLS of this runtime is no OpenSSL that can be reached: run under Node.js"));
    return;
  }
  Value().TypeTag(&kTypeTag);
}

TlsContext* TlsContext::from(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTypeTag)) return nullptr;
  return Unwrap(value.As<Napi::Object>());
}

void export_tls_context(Napi::Env env, Napi::Object exports) {
  exports.Set("TlsContext", TlsContext::define(env));
}

}  // namespace ktls::napi

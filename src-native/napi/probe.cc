#include "napi/addon.h"

#include "tls/probe.h"

// probe(), as lib/native.ts declares it.
namespace ktls::napi {

namespace {

Napi::Object to_object(Napi::Env env, const tls::ProbeDirection& direction) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("available", direction.available);
  object.Set("reason", direction.reason);
  return object;
}

Napi::Value probe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const tls::ProbeReport& report = tls::probe();
  Napi::Object object = Napi::Object::New(env);
  object.Set("kernelRelease", report.kernel_release);
  object.Set("ulp", report.ulp);
  object.Set("ulpReason", report.ulp_reason);
  object.Set("rekey", report.rekey);
  object.Set("openssl", report.openssl);
  object.Set("opensslVersion", report.openssl_version);
  Napi::Array ciphers = Napi::Array::New(env, report.ciphers.size());
  for (uint32_t i = 0; i < report.ciphers.size(); ++i) {
    const tls::ProbeCipher& cipher = report.ciphers[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("cipher", tls::traits(cipher.suite).name);
    entry.Set("tx", to_object(env, cipher.tls13.tx));
    entry.Set("rx", to_object(env, cipher.tls13.rx));
    Napi::Object older = Napi::Object::New(env);
    older.Set("tx", to_object(env, cipher.tls12.tx));
    older.Set("rx", to_object(env, cipher.tls12.rx));
    entry.Set("tls12", older);
    ciphers.Set(i, entry);
  }
  object.Set("ciphers", ciphers);
  return object;
}

}  // namespace

void export_probe(Napi::Env env, Napi::Object exports) {
  exports.Set("probe", Napi::Function::New(env, probe, "probe"));
}

}  // namespace ktls::napi

// Records of one direction, one at a time, and secrets derived from others: the few that lib/handshake has to
// make by itself. Bulk data never comes here. lib/native.ts documents what JavaScript sees.
#include <string.h>

#include <memory>

#include "napi/addon.h"
#include "napi/create_connection.h"
#include "napi/error.h"
#include "napi/values.h"
#include "tls/key_schedule.h"
#include "tls/record_protection.h"

namespace ktls::napi {

namespace {

class RecordKey : public Napi::ObjectWrap<RecordKey> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "RecordKey", {InstanceMethod<&RecordKey::seal>("seal")});
  }

  explicit RecordKey(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RecordKey>(info) {
    auto keys = info[0].As<Napi::Object>();
    std::optional<tls::TrafficState> state = traffic_state(keys, keys);
    if (!state) {
      throw_error(info.Env(), Status::fail(Code::invalid_option, "no such cipher, or no such secret"));
      return;
    }
    Result<std::unique_ptr<tls::RecordProtection>> made =
        tls::create_protection(*state, tls::Aead::Direction::seal);
    explicit_bzero(&*state, sizeof *state);
    if (made.ok()) {
      protection_ = std::move(*made);
    } else {
      throw_error(info.Env(), made.status());
    }
  }

 private:
  Napi::Value seal(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    auto type = static_cast<tls::ContentType>(info[0].As<Napi::Number>().Uint32Value());
    auto content = info[1].As<Napi::Buffer<uint8_t>>();
    auto record = Napi::Buffer<uint8_t>::New(env, content.Length() + protection_->overhead());
    Status sealed = protection_->seal(type, {content.Data(), content.Length()}, record.Data());
    if (!sealed.ok()) throw_error(env, sealed);
    return record;
  }

  std::unique_ptr<tls::RecordProtection> protection_;
};

Napi::Value expand_label(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::optional<tls::CipherSuite> suite = tls::cipher_by_name(info[0].As<Napi::String>().Utf8Value());
  auto secret = info[1].As<Napi::Buffer<uint8_t>>();
  auto label = info[2].As<Napi::Buffer<char>>();
  auto context = info[3].As<Napi::Buffer<uint8_t>>();
  auto out = Napi::Buffer<uint8_t>::New(env, info[4].As<Napi::Number>().Uint32Value());
  Status done = Status::fail(Code::invalid_option, "no such cipher");
  if (suite) {
    done = tls::hkdf_expand_label(*suite, {secret.Data(), secret.Length()}, {label.Data(), label.Length()},
                                  {context.Data(), context.Length()}, {out.Data(), out.Length()});
  }
  if (!done.ok()) throw_error(env, done);
  return out;
}

}  // namespace

void export_record_key(Napi::Env env, Napi::Object exports) {
  exports.Set("expandLabel", Napi::Function::New(env, expand_label, "expandLabel"));
  exports.Set("RecordKey", RecordKey::define(env));
}

}  // namespace ktls::napi

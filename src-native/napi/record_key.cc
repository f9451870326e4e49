// One direction's records during a handshake, one at a time: only what lib/handshake needs to find where
// the handshake ends. Bulk data never comes here. lib/native.ts documents what JavaScript sees.
#include <string.h>

#include <memory>
#include <vector>

#include "napi/addon.h"
#include "napi/create_connection.h"
#include "napi/error.h"
#include "napi/values.h"
#include "tls/record_protection.h"

namespace ktls::napi {

namespace {

class RecordKey : public Napi::ObjectWrap<RecordKey> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "RecordKey",
                       {InstanceMethod<&RecordKey::open>("open"), InstanceMethod<&RecordKey::seal>("seal")});
  }

  // (direction, keys)
  explicit RecordKey(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RecordKey>(info) {
    auto keys = info[1].As<Napi::Object>();
    if (info[0].As<Napi::String>().Utf8Value() == "open") direction_ = tls::Aead::Direction::open;
    std::optional<tls::TrafficState> state = traffic_state(keys, keys);
    if (!state) {
      throw_error(info.Env(), Status::fail(Code::invalid_option, "no such cipher, or no such secret"));
      return;
    }
    state_ = *state;
    explicit_bzero(&*state, sizeof *state);
    renew(info.Env());
  }
  ~RecordKey() override { explicit_bzero(&state_, sizeof state_); }

 private:
  Napi::Value open(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    auto buffer = info[0].As<Napi::Buffer<uint8_t>>();
    MutableBytes record(buffer.Data(), buffer.Length());
    if (!protection_ || record.size() < tls::kHeaderLength + protection_->min_fragment() ||
        record.size() > tls::kHeaderLength + protection_->max_fragment()) {
      return env.Undefined();
    }
    std::vector<uint8_t> content(protection_->max_content(record.size() - tls::kHeaderLength));
    Result<tls::RecordProtection::Opened> opened = protection_->open(record, content.data());
    if (!opened.ok()) {
      // Of another key: the number is still that of the next record of this one.
      renew(env);
      return env.Undefined();
    }
    state_.sequence = protection_->sequence();
    Napi::Object result = Napi::Object::New(env);
    result.Set("type", Napi::Number::New(env, opened->type));
    result.Set("content", Napi::Buffer<uint8_t>::Copy(env, content.data(), opened->length));
    return result;
  }

  Napi::Value seal(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    auto type = static_cast<tls::ContentType>(info[0].As<Napi::Number>().Uint32Value());
    auto content = info[1].As<Napi::Buffer<uint8_t>>();
    auto record = Napi::Buffer<uint8_t>::New(env, content.Length() + protection_->overhead());
    Status sealed = protection_->seal(type, {content.Data(), content.Length()}, record.Data());
    if (!sealed.ok()) throw_error(env, sealed);
    return record;
  }

  void renew(Napi::Env env) {
    Result<std::unique_ptr<tls::RecordProtection>> made = tls::create_protection(state_, direction_);
    if (made.ok()) {
      protection_ = std::move(*made);
    } else {
      throw_error(env, made.status());
    }
  }

  tls::Aead::Direction direction_ = tls::Aead::Direction::seal;
  tls::TrafficState state_ = {};
  std::unique_ptr<tls::RecordProtection> protection_;
};

}  // namespace

void export_record_key(Napi::Env env, Napi::Object exports) {
  exports.Set("RecordKey", RecordKey::define(env));
}

}  // namespace ktls::napi

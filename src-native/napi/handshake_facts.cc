// What a HandshakeChannel can be asked when its handshake is done.
#include "napi/handshake_channel.h"
#include "napi/values.h"

namespace ktls::napi {

namespace {

Napi::Value copy(Napi::Env env, Bytes bytes) {
  return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
}

Napi::Value copy_or_undefined(Napi::Env env, Bytes bytes) {
  return bytes.empty() ? env.Undefined() : copy(env, bytes);
}

}  // namespace

std::vector<HandshakeChannel::PropertyDescriptor> HandshakeChannel::facts() {
  return {
      InstanceMethod<&HandshakeChannel::secret>("secret"),
      InstanceAccessor<&HandshakeChannel::sent_after_finished>("sentAfterFinished"),
      InstanceMethod<&HandshakeChannel::tls12_outcome>("tls12Outcome"),
      InstanceAccessor<&HandshakeChannel::used_psk>("usedPsk"),
      InstanceAccessor<&HandshakeChannel::protocol>("protocol"),
      InstanceMethod<&HandshakeChannel::cipher>("cipher"),
      InstanceAccessor<&HandshakeChannel::server_name>("servername"),
      InstanceAccessor<&HandshakeChannel::alpn_protocol>("alpnProtocol"),
      InstanceAccessor<&HandshakeChannel::session_reused>("sessionReused"),
      InstanceMethod<&HandshakeChannel::verify_error>("verifyError"),
      InstanceMethod<&HandshakeChannel::certificate>("certificate"),
      InstanceMethod<&HandshakeChannel::peer_certificates>("peerCertificates"),
      InstanceMethod<&HandshakeChannel::session>("session"),
      InstanceMethod<&HandshakeChannel::finished>("finished"),
      InstanceMethod<&HandshakeChannel::shared_signature_algorithms>("sharedSignatureAlgorithms"),
      InstanceMethod<&HandshakeChannel::ephemeral_key>("ephemeralKey"),
      InstanceMethod<&HandshakeChannel::export_keying_material>("exportKeyingMaterial"),
  };
}

Napi::Value HandshakeChannel::secret(const Napi::CallbackInfo& info) {
  return copy_or_undefined(info.Env(), handshake_->key_log().secret(info[0].As<Napi::String>().Utf8Value()));
}

Napi::Value HandshakeChannel::sent_after_finished(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), handshake_->sent_after_finished());
}

Napi::Value HandshakeChannel::tls12_outcome(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("lastSent", copy(env, handshake_->last_sent()));
  result.Set("clientRandom", copy(env, handshake_->client_random()));
  result.Set("serverRandom", copy(env, handshake_->server_random()));
  return result;
}

Napi::Value HandshakeChannel::used_psk(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), handshake_->used_psk());
}

Napi::Value HandshakeChannel::protocol(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), ask().protocol());
}

Napi::Value HandshakeChannel::cipher(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::optional<tls::SslFacts::Cipher> cipher = ask().cipher();
  if (!cipher) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", cipher->name);
  result.Set("standardName", cipher->standard_name);
  result.Set("version", cipher->version);
  return result;
}

Napi::Value HandshakeChannel::server_name(const Napi::CallbackInfo& info) {
  const char* name = ask().server_name();
  return name == nullptr ? info.Env().Undefined() : Napi::String::New(info.Env(), name);
}

Napi::Value HandshakeChannel::alpn_protocol(const Napi::CallbackInfo& info) {
  std::string name = ask().alpn_protocol();
  return name.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), name);
}

Napi::Value HandshakeChannel::session_reused(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), ask().session_reused());
}

Napi::Value HandshakeChannel::verify_error(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  long error = ask().verify_error();
  if (error == 0) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("number", static_cast<double>(error));
  result.Set("reason", ask().describe(error));
  return result;
}

Napi::Value HandshakeChannel::certificate(const Napi::CallbackInfo& info) {
  return copy_or_undefined(info.Env(), ask().certificate());
}

Napi::Value HandshakeChannel::peer_certificates(const Napi::CallbackInfo& info) {
  std::vector<tls::SslFacts::Der> chain = ask().peer_certificates(info[0].As<Napi::Boolean>().Value());
  Napi::Array result = Napi::Array::New(info.Env(), chain.size());
  for (uint32_t i = 0; i < chain.size(); i++) result.Set(i, copy(info.Env(), chain[i]));
  return result;
}

Napi::Value HandshakeChannel::session(const Napi::CallbackInfo& info) {
  return copy_or_undefined(info.Env(), ask().session());
}

Napi::Value HandshakeChannel::finished(const Napi::CallbackInfo& info) {
  return copy_or_undefined(info.Env(), ask().finished(info[0].As<Napi::Boolean>().Value()));
}

Napi::Value HandshakeChannel::shared_signature_algorithms(const Napi::CallbackInfo& info) {
  std::vector<std::string> names = ask().shared_signature_algorithms();
  Napi::Array result = Napi::Array::New(info.Env(), names.size());
  for (uint32_t i = 0; i < names.size(); i++) result.Set(i, names[i]);
  return result;
}

Napi::Value HandshakeChannel::ephemeral_key(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::optional<tls::SslFacts::EphemeralKey> key = ask().ephemeral_key();
  if (!key) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("type", key->type);
  if (!key->name.empty()) result.Set("name", key->name);
  result.Set("size", key->bits);
  return result;
}

Napi::Value HandshakeChannel::export_keying_material(const Napi::CallbackInfo& info) {
  std::optional<Bytes> context;
  if (info[2].IsTypedArray()) {
    auto bytes = info[2].As<Napi::Uint8Array>();
    context = Bytes(bytes.Data(), bytes.ByteLength());
  }
  return copy_or_undefined(info.Env(),
                           ask().export_keying_material(info[0].As<Napi::Number>().Uint32Value(),
                                                        info[1].As<Napi::String>().Utf8Value(), context));
}

}  // namespace ktls::napi

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
      InstanceAccessor<&HandshakeChannel::last_sent>("lastSent"),
      InstanceAccessor<&HandshakeChannel::used_psk>("usedPsk"),
      InstanceAccessor<&HandshakeChannel::protocol>("protocol"),
      InstanceMethod<&HandshakeChannel::cipher>("cipher"),
      InstanceAccessor<&HandshakeChannel::server_name>("servername"),
      InstanceAccessor<&HandshakeChannel::alpn_protocol>("alpnProtocol"),
      InstanceAccessor<&HandshakeChannel::session_reused>("sessionReused"),
      InstanceAccessor<&HandshakeChannel::verify_error>("verifyError"),
      InstanceMethod<&HandshakeChannel::certificate>("certificate"),
      InstanceMethod<&HandshakeChannel::peer_certificates>("peerCertificates"),
      InstanceMethod<&HandshakeChannel::session>("session"),
      InstanceMethod<&HandshakeChannel::finished>("finished"),
      InstanceMethod<&HandshakeChannel::shared_signature_algorithms>("sharedSignatureAlgorithms"),
      InstanceMethod<&HandshakeChannel::ephemeral_key>("ephemeralKey"),
      InstanceMethod<&HandshakeChannel::exporter_secret>("exporterSecret"),
      InstanceMethod<&HandshakeChannel::randoms>("randoms"),
  };
}

Napi::Value HandshakeChannel::secret(const Napi::CallbackInfo& info) {
  if (handshake_ == nullptr) return info.Env().Undefined();
  return copy_or_undefined(info.Env(), handshake_->key_log().secret(info[0].As<Napi::String>().Utf8Value()));
}

Napi::Value HandshakeChannel::sent_after_finished(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), handshake_->sent_after_finished());
}

Napi::Value HandshakeChannel::last_sent(const Napi::CallbackInfo& info) {
  return copy(info.Env(), handshake_->last_sent());
}

Napi::Value HandshakeChannel::used_psk(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), handshake_ != nullptr && handshake_->used_psk());
}

Napi::Value HandshakeChannel::protocol(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), facts_->protocol());
}

Napi::Value HandshakeChannel::cipher(const Napi::CallbackInfo& info) {
  const tls::SslFacts::Cipher& cipher = facts_->cipher();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("name", cipher.name);
  result.Set("standardName", cipher.standard_name);
  result.Set("version", cipher.version);
  return result;
}

Napi::Value HandshakeChannel::server_name(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (facts_ != nullptr) {
    return facts_->server_name() ? Napi::String::New(env, *facts_->server_name()) : env.Undefined();
  }
  const char* name = handshake_ == nullptr ? nullptr : handshake_->server_name();
  return name == nullptr ? env.Undefined() : Napi::String::New(env, name);
}

Napi::Value HandshakeChannel::alpn_protocol(const Napi::CallbackInfo& info) {
  const std::string& name = facts_->alpn_protocol();
  return name.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), name);
}

Napi::Value HandshakeChannel::session_reused(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), facts_->session_reused());
}

Napi::Value HandshakeChannel::verify_error(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(facts_->verify_error()));
}

Napi::Value HandshakeChannel::certificate(const Napi::CallbackInfo& info) {
  return copy_or_undefined(info.Env(), facts_->certificate());
}

Napi::Value HandshakeChannel::peer_certificates(const Napi::CallbackInfo& info) {
  std::vector<tls::SslFacts::Der> chain = facts_->peer_certificates(info[0].As<Napi::Boolean>().Value());
  Napi::Array result = Napi::Array::New(info.Env(), chain.size());
  for (uint32_t i = 0; i < chain.size(); i++) result.Set(i, copy(info.Env(), chain[i]));
  return result;
}

Napi::Value HandshakeChannel::session(const Napi::CallbackInfo& info) {
  return copy_or_undefined(info.Env(), facts_->session());
}

Napi::Value HandshakeChannel::finished(const Napi::CallbackInfo& info) {
  return copy_or_undefined(info.Env(), facts_->finished(info[0].As<Napi::Boolean>().Value()));
}

Napi::Value HandshakeChannel::shared_signature_algorithms(const Napi::CallbackInfo& info) {
  std::vector<std::string> names = facts_->shared_signature_algorithms();
  Napi::Array result = Napi::Array::New(info.Env(), names.size());
  for (uint32_t i = 0; i < names.size(); i++) result.Set(i, names[i]);
  return result;
}

Napi::Value HandshakeChannel::ephemeral_key(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::optional<tls::SslFacts::EphemeralKey> key = facts_->ephemeral_key();
  if (!key) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("type", key->type);
  if (!key->name.empty()) result.Set("name", key->name);
  result.Set("size", key->bits);
  return result;
}

Napi::Value HandshakeChannel::exporter_secret(const Napi::CallbackInfo& info) {
  return copy(info.Env(), facts_->exporter_secret());
}

Napi::Value HandshakeChannel::randoms(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("client", copy(info.Env(), facts_->client_random()));
  result.Set("server", copy(info.Env(), facts_->server_random()));
  return result;
}

}  // namespace ktls::napi

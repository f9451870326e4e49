#include "napi/handshake_channel.h"

#include <ctype.h>
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "napi/addon.h"
#include "napi/callback.h"
#include "napi/descriptors.h"
#include "napi/error.h"
#include "napi/tls_context.h"
#include "napi/values.h"
#include "tls/cipher.h"
#include "tls/record_layer.h"

namespace ktls::napi {

namespace {

// Of everything a peer sends before it is authenticated. OpenSSL's own bound on a chain is 100 KiB.
constexpr size_t kMaxHandshakeBytes = 128 * 1024;

// Tells TLS from anything else by as much of the first record's header as is there (RFC 8446, 5.1), so that a
// peer which speaks another protocol, and shortly, is not waited for.
bool may_be_tls(const uint8_t* header, size_t length) {
  if (length > 0 && header[0] != static_cast<uint8_t>(tls::ContentType::alert) &&
      header[0] != static_cast<uint8_t>(tls::ContentType::handshake)) {
    return false;
  }
  if (length > 1 && header[1] != 3) return false;
  return length < tls::kHeaderLength || (header[3] << 8 | header[4]) <= static_cast<int>(tls::kMaxCiphertext);
}

// As node:tls words them: ERR_SSL_WRONG_VERSION_NUMBER.
std::string error_code(std::string_view reason) {
  std::string code = "ERR_SSL_";
  for (char c : reason) code += c == ' ' ? '_' : static_cast<char>(toupper(static_cast<unsigned char>(c)));
  return code;
}

}  // namespace

Napi::Function HandshakeChannel::define(Napi::Env env) {
  std::vector<PropertyDescriptor> members = facts();
  members.insert(members.end(), {
                                    InstanceMethod<&HandshakeChannel::begin>("begin"),
                                    InstanceMethod<&HandshakeChannel::proceed>("proceed"),
                                    InstanceMethod<&HandshakeChannel::answer>("answer"),
                                    InstanceMethod<&HandshakeChannel::flush>("flush"),
                                    InstanceMethod<&HandshakeChannel::discard>("discard"),
                                    InstanceMethod<&HandshakeChannel::write>("write"),
                                    InstanceMethod<&HandshakeChannel::shut_down>("shutDown"),
                                    InstanceMethod<&HandshakeChannel::drain>("drain"),
                                    InstanceMethod<&HandshakeChannel::release>("release"),
                                    InstanceMethod<&HandshakeChannel::feed>("feed"),
                                    InstanceMethod<&HandshakeChannel::close>("close"),
                                    InstanceAccessor<&HandshakeChannel::peer_alert>("peerAlert"),
                                });
  return DefineClass(env, "HandshakeChannel", members);
}

HandshakeChannel::HandshakeChannel(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<HandshakeChannel>(info),
      fd_(take_descriptor(info[0])),
      on_readable_(Napi::Persistent(info[1].As<Napi::Function>())),
      on_written_(Napi::Persistent(info[2].As<Napi::Function>())),
      on_certificate_(Napi::Persistent(info[3].As<Napi::Function>())),
      context_(info.Env(), "KTLSHANDSHAKE") {
  Result<Poll*> poll = Poll::open(info.Env(), fd_.get(), *this);
  if (poll.ok()) {
    poll_ = *poll;
  } else {
    fd_.reset();
    throw_error(info.Env(), poll.status());
  }
}

HandshakeChannel::~HandshakeChannel() {
  // The JavaScript object is gone: it must not be unreferenced any more.
  armed_ = 0;
  close_now();
}

void HandshakeChannel::begin(const Napi::CallbackInfo& info) {
  auto given = info[0].As<Napi::Object>();
  TlsContext* context = TlsContext::from(property(given, "context"));
  tls::SslHandshake::Options options;
  server_ = options.server = bool_property(given, "server");
  options.request_certificate = bool_property(given, "requestCert");
  options.asks = bool_property(given, "asks");
  options.server_name = string_property(given, "servername");
  options.alpn_protocols = bytes_property(given, "alpnProtocols");
  options.session = bytes_property(given, "session");
  if (Napi::Value psk = property(given, "psk"); psk.IsObject()) {
    auto object = psk.As<Napi::Object>();
    options.psk = {string_property(object, "identity"), bytes_property(object, "key")};
  }
  if (context != nullptr) {
    handshake_ = tls::SslHandshake::create(context->context(), std::move(options), *this);
  }
  if (handshake_ == nullptr) throw_error(info.Env(), Status::system("SSL_new", ENOMEM));
}

Napi::Value HandshakeChannel::proceed(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  // On the stack, for a callback of the program may close this.
  [[maybe_unused]] Napi::Object self = Value();
  if (handshake_ == nullptr || poll_ == nullptr || wanted_ & UV_READABLE)
    return Napi::Boolean::New(env, false);
  proceeding_ = true;
  tls::SslHandshake::Step step = handshake_->proceed();
  proceeding_ = false;
  if (poll_ == nullptr) handshake_.reset();
  if (env.IsExceptionPending()) return env.Undefined();
  if (poll_ == nullptr) return Napi::Boolean::New(env, false);
  if (step == tls::SslHandshake::Step::done) {
    facts_ = std::make_unique<tls::SslFacts>(handshake_->ssl(), server_, handshake_->key_log());
    return Napi::Boolean::New(env, true);
  }
  collect_output();
  Status sent = send_waiting();
  if (step == tls::SslHandshake::Step::failed) {
    throw_failure(env);
    return env.Undefined();
  }
  // A peer that takes nothing any more may have said why: reading finds that, or the end.
  if (handshake_->starved() || !sent.ok()) sent = want(UV_READABLE);
  if (!sent.ok()) throw_error(env, sent);
  return Napi::Boolean::New(env, false);
}

void HandshakeChannel::on_certificate(const char* server_name, bool wants_staple) {
  Napi::Env env = Env();
  Napi::Value name = server_name == nullptr ? env.Undefined() : Napi::String::New(env, server_name);
  // What it throws is pending when proceed() returns.
  (void)on_certificate_.Call(Value(), {name, Napi::Boolean::New(env, wants_staple)});
}

void HandshakeChannel::answer(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  TlsContext* context = TlsContext::from(info[0]);
  if (context == nullptr && !info[0].IsUndefined()) {
    throw_error(env, Status::fail(Code::invalid_option, "no secure context"));
    return;
  }
  Bytes staple;
  if (info[1].IsTypedArray()) {
    auto bytes = info[1].As<Napi::Uint8Array>();
    staple = {bytes.Data(), bytes.ByteLength()};
  }
  const tls::SslContext* chosen = context == nullptr ? nullptr : &context->context();
  if (handshake_ != nullptr && !handshake_->answer(chosen, staple)) {
    throw_error(env, Status::fail(Code::invalid_option, "OpenSSL does not take the secure context"));
  }
}

void HandshakeChannel::throw_failure(Napi::Env env) {
  if (const Status& failure = handshake_->wire_failure(); failure.is(Code::end_of_stream)) {
    throw_error(
        env, Status::fail(Code::truncated,
                          "the peer closed the connection during the handshake: it stopped, or it is at the "
                          "limit of its connections"));
  } else if (!failure.ok()) {
    throw_error(env, failure);
  } else {
    const std::string& reason = handshake_->reason();
    Napi::Error error = Napi::Error::New(env, reason);
    error.Set("code", Napi::String::New(env, error_code(reason)));
    error.Set("reason", Napi::String::New(env, reason));
    error.ThrowAsJavaScriptException();
  }
}

Result<size_t> HandshakeChannel::receive(MutableBytes memory) {
  if (!fd_) return Status::system("recv", EBADF);
  for (;;) {
    ssize_t count = recv(fd_.get(), memory.data(), memory.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return Status::of(Code::would_block);
    if (count < 0) return Status::system("recv", errno);
    if (count == 0) return Status::of(Code::end_of_stream);
    for (ssize_t i = 0; i < count && received_ + i < sizeof first_; i++) first_[received_ + i] = memory[i];
    received_ += count;
    if (!may_be_tls(first_, std::min(received_, sizeof first_))) {
      return Status::fail(Code::bad_record, "what the peer sent is not TLS");
    }
    if (received_ > kMaxHandshakeBytes) {
      return Status::fail(Code::limit, "the peer's handshake is larger than " +
                                           std::to_string(kMaxHandshakeBytes) + " bytes");
    }
    return static_cast<size_t>(count);
  }
}

void HandshakeChannel::collect_output() {
  std::vector<uint8_t>& output = handshake_->output();
  waiting_.insert(waiting_.end(), output.begin(), output.end());
  output.clear();
}

Status HandshakeChannel::send_waiting() {
  if (waiting_.empty() || wanted_ & UV_WRITABLE) return Status();
  Result<size_t> sent = send_some(waiting_);
  if (!sent.ok()) {
    waiting_.clear();
    return std::move(sent).status();
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + *sent);
  return waiting_.empty() ? Status() : want(UV_WRITABLE);
}

Napi::Value HandshakeChannel::flush(const Napi::CallbackInfo& info) {
  collect_output();
  if (Status sent = send_waiting(); !sent.ok()) throw_error(info.Env(), sent);
  return Napi::Boolean::New(info.Env(), waiting_.empty());
}

void HandshakeChannel::discard(const Napi::CallbackInfo&) { handshake_->end(); }

Napi::Value HandshakeChannel::peer_alert(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int alert = handshake_ == nullptr ? -1 : handshake_->peer_alert();
  return alert < 0 ? env.Undefined() : Napi::Value(Napi::Number::New(env, alert));
}

Napi::Value HandshakeChannel::write(const Napi::CallbackInfo& info) {
  auto data = info[0].As<Napi::Buffer<uint8_t>>();
  waiting_.insert(waiting_.end(), data.Data(), data.Data() + data.Length());
  if (Status sent = send_waiting(); !sent.ok()) throw_error(info.Env(), sent);
  return Napi::Boolean::New(info.Env(), waiting_.empty());
}

Result<size_t> HandshakeChannel::send_some(Bytes data) {
  if (!fd_) return Status::system("send", EBADF);
  size_t sent = 0;
  while (sent < data.size()) {
    ssize_t count = send(fd_.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += count;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return Status::system("send", errno);
    }
  }
  return sent;
}

void HandshakeChannel::shut_down(const Napi::CallbackInfo&) {
  if (fd_) shutdown(fd_.get(), SHUT_WR);
}

Napi::Value HandshakeChannel::drain(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint8_t memory[4096];
  Result<size_t> received = Status::of(Code::would_block);
  do {
    received = receive(memory);
  } while (received.ok());
  Status status = std::move(received).status();
  if (status.is(Code::would_block))
    status = want(UV_READABLE);
  else if (status.is(Code::end_of_stream))
    return Napi::Boolean::New(env, false);
  if (!status.ok()) throw_error(env, status);
  return Napi::Boolean::New(env, true);
}

Napi::Value HandshakeChannel::release(const Napi::CallbackInfo& info) {
  // Nobody sends a server tickets.
  if (server_) {
    handshake_.reset();
  } else if (handshake_ != nullptr) {
    handshake_->retire();
  }
  waiting_.shrink_to_fit();
  Fd fd = std::move(fd_);
  // libuv forgets the descriptor at once, though it keeps the handle for a turn of the loop.
  close_now();
  return info.Env().GetInstanceData<AddonData>()->descriptors.lend(info.Env(), std::move(fd));
}

void HandshakeChannel::feed(const Napi::CallbackInfo& info) {
  auto record = info[0].As<Napi::Buffer<uint8_t>>();
  if (handshake_ == nullptr || facts_ == nullptr) return;
  handshake_->feed({record.Data(), record.Length()});
  facts_->update_session(handshake_->ssl());
}

void HandshakeChannel::close(const Napi::CallbackInfo&) {
  if (handshake_ != nullptr) handshake_->end();
  close_now();
  facts_.reset();
  // OpenSSL must find it when a callback of the program, which closes this, returns.
  if (!proceeding_) handshake_.reset();
}

Status HandshakeChannel::want(int events) {
  wanted_ |= events;
  return (wanted_ & ~armed_) != 0 ? rearm() : Status();
}

Status HandshakeChannel::rearm() {
  if (wanted_ == armed_) return Status();
  if (armed_ == 0) Ref();
  if (wanted_ == 0) Unref();
  armed_ = wanted_;
  return poll_->watch(wanted_);
}

void HandshakeChannel::close_now() {
  if (poll_ == nullptr) return;
  wanted_ = 0;
  if (std::exchange(armed_, 0) != 0) Unref();
  // Before the descriptor is closed: libuv takes it out of its epoll set here.
  std::exchange(poll_, nullptr)->close();
  fd_.reset();
  // They hold, in JavaScript, whoever holds this object: kept, none of them would ever be collected.
  on_readable_.Reset();
  on_written_.Reset();
  on_certificate_.Reset();
}

void HandshakeChannel::on_poll(int status, int events) {
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  // On the stack, for the callbacks may end the wait that kept it alive.
  [[maybe_unused]] Napi::Object self = Value();
  int woken = wanted_ & events;
  if (status < 0) {
    // The socket has an error: recv and send say which. libuv has stopped watching by itself.
    woken = wanted_;
    if (std::exchange(armed_, 0) != 0) Unref();
  }
  wanted_ &= ~woken;
  if (woken & UV_WRITABLE) {
    Result<size_t> sent = send_some(waiting_);
    if (sent.ok()) waiting_.erase(waiting_.begin(), waiting_.begin() + *sent);
    if (!sent.ok()) {
      waiting_.clear();
      call(on_written_, {to_error(env, sent.status())});
    } else if (waiting_.empty()) {
      call(on_written_, {});
    } else {
      wanted_ |= UV_WRITABLE;
    }
  }
  if (poll_ != nullptr && woken & UV_READABLE) call(on_readable_, {});
  if (poll_ == nullptr) return;
  if (Status armed = rearm(); !armed.ok()) call(on_written_, {to_error(env, armed)});
}

void HandshakeChannel::call(const Napi::FunctionReference& callback,
                            std::initializer_list<napi_value> arguments) {
  call_back(Value(), callback, arguments, context_);
}

void export_handshake_channel(Napi::Env env, Napi::Object exports) {
  exports.Set("HandshakeChannel", HandshakeChannel::define(env));
}

}  // namespace ktls::napi

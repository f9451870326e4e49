// What lib/native.ts declares as Relay and sockmapSupport.
#include "napi/relay.h"

#include "napi/addon.h"
#include "napi/create_connection.h"
#include "napi/descriptors.h"
#include "napi/error.h"
#include "napi/socket.h"
#include "napi/values.h"
#include "relay/tls_end.h"

namespace ktls::napi {

namespace {

using relay::Mode;

// Less than trees want: there are many connections, each with two of these where user space encrypts.
constexpr size_t kUserBuffer = 64 << 10;

int64_t number(const Napi::Object& object, const char* name) {
  return static_cast<int64_t>(number_property(object, name).value_or(0));
}

Mode mode_by_name(const std::string& name) {
  for (Mode mode : {Mode::copy, Mode::splice, Mode::sockmap}) {
    if (name == relay::mode_name(mode)) return mode;
  }
  return Mode::automatic;
}

relay::Options to_options(const Napi::Object& object) {
  relay::Options options;
  options.mode = mode_by_name(string_property(object, "mode"));
  options.fallback = bool_property(object, "fallback");
  options.idle_timeout = std::chrono::milliseconds(number(object, "idleTimeoutMs"));
  options.timeout = std::chrono::milliseconds(number(object, "timeoutMs"));
  options.backlog_limit = number(object, "backlogLimit");
  return options;
}

std::vector<uint8_t> initial_bytes(const Napi::Object& object) {
  auto initial = property(object, "initial").As<Napi::Buffer<uint8_t>>();
  return {initial.Data(), initial.Data() + initial.Length()};
}

Result<std::unique_ptr<relay::End>> end_of_socket(const Napi::Object& object,
                                                  std::optional<tls::RecordReport>& report) {
  auto connection = Socket::Unwrap(property(object, "socket").As<Napi::Object>())->release();
  // A write is under way: only an abort does not wait for it.
  if (!connection) return Status::of(Code::cancelled);
  report = connection->report();
  return relay::tls_end(std::move(connection));
}

// `report` says who encrypts, where somebody does.
Result<std::unique_ptr<relay::End>> to_end(const Napi::Object& object,
                                           std::optional<tls::RecordReport>& report) {
  if (property(object, "socket").IsObject()) return end_of_socket(object, report);
  if (!property(object, "tls").IsObject()) return relay::plain_end(take_descriptor(property(object, "fd")));
  auto connection = create_connection(object, {.receive_buffer = kUserBuffer, .send_batch = kUserBuffer});
  if (!connection.ok()) return std::move(connection).status();
  report = (*connection)->report();
  return relay::tls_end(std::move(*connection));
}

Napi::Value to_value(Napi::Env env, const std::optional<tls::RecordReport>& report) {
  if (!report) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("tx", tls::placement_name(report->tx));
  object.Set("rx", tls::placement_name(report->rx));
  object.Set("reason", report->reason);
  return object;
}

// A thread that is sampled while it moves bytes: the parts may be a few microseconds apart.
Napi::Object to_object(Napi::Env env, const relay::Gauge& gauge) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("bytes", static_cast<double>(gauge.bytes()));
  object.Set("copied", static_cast<double>(gauge.bytes(Mode::copy)));
  object.Set("spliced", static_cast<double>(gauge.bytes(Mode::splice)));
  object.Set("mapped", static_cast<double>(gauge.bytes(Mode::sockmap)));
  object.Set("mode", relay::mode_name(gauge.mode()));
  object.Set("changes", gauge.changes());
  object.Set("reason", gauge.reason());
  object.Set("fallback", gauge.fallback());
  return object;
}

class RelayHandle : public Napi::ObjectWrap<RelayHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Relay",
        {InstanceMethod<&RelayHandle::progress>("progress"), InstanceMethod<&RelayHandle::cancel>("cancel")});
  }

  explicit RelayHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RelayHandle>(info) {
    Napi::Env env = info.Env();
    const auto a = info[0].As<Napi::Object>();
    const auto b = info[1].As<Napi::Object>();
    // Both descriptors are taken before anything is given up.
    auto first = to_end(a, record_a_);
    auto second = to_end(b, record_b_);
    if (first.ok() && second.ok()) {
      service_ = RelayService::of(env);
    } else {
      throw_error(env, first.ok() ? second.status() : first.status());
    }
    if (!service_) {
      for (auto* end : {&first, &second}) {
        if (end->ok()) relay::reset_on_close((**end)->fd());
      }
      return;
    }
    id_ = service_->start(env, {std::move(*first), initial_bytes(a)}, {std::move(*second), initial_bytes(b)},
                          to_options(info[2].As<Napi::Object>()), gauges_, info[3].As<Napi::Function>());
  }

 private:
  Napi::Value progress(const Napi::CallbackInfo& info) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("aToB", to_object(info.Env(), gauges_->a_to_b));
    object.Set("bToA", to_object(info.Env(), gauges_->b_to_a));
    object.Set("recordA", to_value(info.Env(), record_a_));
    object.Set("recordB", to_value(info.Env(), record_b_));
    return object;
  }

  void cancel(const Napi::CallbackInfo&) { service_->abort(id_); }

  std::shared_ptr<relay::Gauges> gauges_ = std::make_shared<relay::Gauges>();
  std::optional<tls::RecordReport> record_a_;
  std::optional<tls::RecordReport> record_b_;
  RelayService* service_ = nullptr;
  uint64_t id_ = 0;
};

Napi::Value sockmap_support(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  RelayService* service = RelayService::of(env);
  if (!service) return env.Undefined();
  Status refusal = service->engine().try_sockmap();
  Napi::Object object = Napi::Object::New(env);
  object.Set("available", refusal.ok());
  object.Set("reason", refusal.message());
  object.Set("entries", static_cast<double>(service->engine().sockmap_entries()));
  return object;
}

}  // namespace

void export_relay(Napi::Env env, Napi::Object exports) {
  exports.Set("Relay", RelayHandle::define(env));
  exports.Set("sockmapSupport", Napi::Function::New(env, sockmap_support, "sockmapSupport"));
}

}  // namespace ktls::napi

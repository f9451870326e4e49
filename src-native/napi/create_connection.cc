#include "napi/create_connection.h"

#include <string.h>

#include "napi/values.h"

namespace ktls::napi {

namespace {

std::optional<tls::TrafficState> traffic_state(const Napi::Object& tls, const char* direction,
                                               tls::CipherSuite suite) {
  Napi::Value value = property(tls, direction);
  if (!value.IsObject()) return std::nullopt;
  auto object = value.As<Napi::Object>();
  tls::TrafficState state{};
  state.suite = suite;
  state.sequence = bigint_property(object, "sequence");
  std::string secret = bytes_property(object, "secret");
  if (secret.size() != tls::traits(suite).hash_length) return std::nullopt;
  memcpy(state.secret, secret.data(), secret.size());
  explicit_bzero(secret.data(), secret.size());
  return state;
}

tls::KernelPolicy kernel_policy(const std::string& name) {
  if (name == "require") return tls::KernelPolicy::require;
  if (name == "off") return tls::KernelPolicy::off;
  return tls::KernelPolicy::automatic;
}

}  // namespace

Result<std::unique_ptr<tls::Connection>> create_connection(const Napi::Object& options,
                                                           tls::ConnectionOptions wanted) {
  Fd fd(static_cast<int>(number_property(options, "fd").value_or(-1)));
  Napi::Value tls_value = property(options, "tls");
  if (!tls_value.IsObject()) return tls::Connection::create_plain(std::move(fd));
  auto object = tls_value.As<Napi::Object>();
  std::optional<tls::CipherSuite> suite = tls::cipher_by_name(string_property(object, "cipher"));
  if (!suite) return Status::fail(Code::invalid_option, "unknown cipher suite");
  std::optional<tls::TrafficState> tx = traffic_state(object, "tx", *suite);
  std::optional<tls::TrafficState> rx = traffic_state(object, "rx", *suite);
  if (!tx || !rx) return Status::fail(Code::invalid_option, "a traffic secret has the wrong length");
  wanted.kernel = kernel_policy(string_property(object, "kernel"));
  if (auto limit = number_property(object, "maxRecordsPerKey")) {
    wanted.max_records_per_key = static_cast<uint64_t>(*limit);
  }
  Result<std::unique_ptr<tls::Connection>> connection =
      tls::Connection::create(std::move(fd), *tx, *rx, wanted);
  explicit_bzero(&*tx, sizeof *tx);
  explicit_bzero(&*rx, sizeof *rx);
  return connection;
}

}  // namespace ktls::napi

#include "napi/create_connection.h"

#include <string.h>

#include "napi/descriptors.h"
#include "napi/values.h"

namespace ktls::napi {

namespace {

tls::KernelPolicy kernel_policy(const std::string& name) {
  if (name == "require") return tls::KernelPolicy::require;
  if (name == "off") return tls::KernelPolicy::off;
  return tls::KernelPolicy::automatic;
}

tls::Role role_by_name(const std::string& name) {
  if (name == "client") return tls::Role::client;
  if (name == "server") return tls::Role::server;
  return tls::Role::unknown;
}

}  // namespace

std::optional<tls::TrafficState> traffic_state(const Napi::Object& keys, const Napi::Object& direction) {
  std::optional<tls::CipherSuite> suite = tls::cipher_by_name(string_property(keys, "cipher"));
  if (!suite) return std::nullopt;
  tls::TrafficState state{};
  state.suite = *suite;
  state.version = string_property(keys, "version") == "TLSv1.2" ? tls::ProtocolVersion::tls12
                                                                : tls::ProtocolVersion::tls13;
  state.sequence = bigint_property(direction, "sequence");
  std::string secret = bytes_property(direction, "secret");
  if (secret.size() != tls::secret_length(*suite, state.version)) return std::nullopt;
  memcpy(state.secret, secret.data(), secret.size());
  explicit_bzero(secret.data(), secret.size());
  return state;
}

Result<std::unique_ptr<tls::Connection>> create_connection(const Napi::Object& options,
                                                           tls::ConnectionOptions wanted) {
  Fd fd = take_descriptor(property(options, "fd"));
  Napi::Value tls_value = property(options, "tls");
  if (!tls_value.IsObject()) return tls::Connection::create_plain(std::move(fd));
  auto object = tls_value.As<Napi::Object>();
  Napi::Value tx_value = property(object, "tx");
  Napi::Value rx_value = property(object, "rx");
  std::optional<tls::TrafficState> tx;
  std::optional<tls::TrafficState> rx;
  if (tx_value.IsObject()) tx = traffic_state(object, tx_value.As<Napi::Object>());
  if (rx_value.IsObject()) rx = traffic_state(object, rx_value.As<Napi::Object>());
  if (!tx || !rx) {
    return Status::fail(Code::invalid_option, "unknown cipher suite, or a secret of the wrong length");
  }
  wanted.kernel = kernel_policy(string_property(object, "kernel"));
  wanted.role = role_by_name(string_property(object, "role"));
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

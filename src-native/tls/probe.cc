#include "tls/probe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/utsname.h>

#include <algorithm>
#include <memory>

#include "net/socket.h"
#include "tls/kernel_reader.h"
#include "tls/kernel_socket.h"
#include "tls/kernel_writer.h"
#include "tls/key_schedule.h"
#include "tls/openssl.h"
#include "tls/user_reader.h"
#include "tls/user_writer.h"

namespace ktls::tls {

namespace {

// A loopback pair answers within microseconds; a kernel that does not within this is broken.
constexpr int kPatienceMilliseconds = 1000;

std::string what_failed(const Status& status) {
  return std::string(status.syscall()) + ": " + status.message();
}

std::string explain_ulp(const Status& status) {
  const std::string said = " (" + what_failed(status) + ")";
  switch (status.error_number()) {
    case ENOENT:
      return "the kernel's TLS module is not loaded: run \"modprobe tls\" as root, in a container on its "
             "host; "
             "where the module does not exist, the kernel was built without CONFIG_TLS" +
             said;
    case ENOPROTOOPT:
      return "this kernel does not know TCP_ULP: Linux 4.13 or later is needed, and a sandbox such as gVisor "
             "has "
             "none" +
             said;
    default:
      return "the kernel refused TLS on a TCP socket; in a container its security profile may forbid it" +
             said;
  }
}

const char* first_release(const TrafficState& state) {
  if (state.suite == CipherSuite::chacha20_poly1305_sha256) return "5.11";
  const bool first =
      state.version == ProtocolVersion::tls12 && state.suite == CipherSuite::aes_128_gcm_sha256;
  return first ? "4.17" : "5.1";
}

std::string explain_key(const Status& status, const TrafficState& state) {
  const std::string name =
      traits(state.suite).name +
      std::string(state.version == ProtocolVersion::tls12 ? " (its like in TLS 1.2)" : "");
  const bool chacha = state.suite == CipherSuite::chacha20_poly1305_sha256;
  const std::string said = " (" + what_failed(status) + ")";
  if (!status.is(Code::system)) return status.message();
  switch (status.error_number()) {
    case ENOENT:
      return "the kernel lacks the cipher of " + name + ": run \"modprobe " +
             (chacha ? "chacha20poly1305" : "gcm") + "\" as root, in a container on its host" + said;
    case EINVAL:
    case ENOPROTOOPT:
      return "this kernel's TLS does not know " + name + ": Linux " + first_release(state) +
             " or later is needed" + said;
    default:
      return "the kernel refused " + name + said;
  }
}

// Any secret does: the pair is ours alone and carries nothing.
TrafficState sample_state(CipherSuite suite, ProtocolVersion version) {
  TrafficState state = {suite, {}, 5, version};
  for (size_t i = 0; i < sizeof state.secret; ++i) state.secret[i] = static_cast<uint8_t>(7 * i + 1);
  return state;
}

// One record from writer to reader, compared byte by byte.
Status round_trip(RecordWriter& writer, RecordReader& reader, int reading_fd) {
  uint8_t sent[1000], received[kMaxPlaintext];
  for (size_t i = 0; i < sizeof sent; ++i) sent[i] = static_cast<uint8_t>(i ^ i >> 3);
  Result<size_t> accepted = writer.write(sent);
  if (!accepted.ok()) return accepted.status();
  if (*accepted != sizeof sent) return Status::fail(Code::unsupported, "a record did not go out whole");
  pollfd watched = {reading_fd, POLLIN, 0};
  while (poll(&watched, 1, kPatienceMilliseconds) < 0 && errno == EINTR) continue;
  Result<RecordReader::Received> got = reader.read(received);
  if (got.is(Code::would_block)) return Status::fail(Code::unsupported, "a record did not arrive");
  if (!got.ok()) return got.status();
  if (got->type != ContentType::application_data || got->length != sizeof sent ||
      memcmp(sent, received, sizeof sent) != 0) {
    return Status::fail(Code::unsupported, "a record did not arrive as it was sent");
  }
  return {};
}

// Whether the direction works for the suite and, beyond that, whether its key can be changed: one end is
// the kernel's, the other our own.
Status try_direction(const TrafficState& sample, KernelDirection direction, bool& rekey) {
  Result<net::SocketPair> pair = net::loopback_pair();
  if (!pair.ok()) return pair.status();
  const bool tx = direction == KernelDirection::tx;
  const int kernel_fd = pair->first.get();
  const int user_fd = pair->second.get();
  TrafficState state = sample;
  KTLS_TRY(attach_ulp(kernel_fd));
  KTLS_TRY(install_key(kernel_fd, direction, state));
  Result<std::unique_ptr<RecordProtection>> protection =
      create_protection(state, tx ? Aead::Direction::open : Aead::Direction::seal);
  if (!protection.ok()) return protection.status();
  RecordProtection& ours = **protection;
  std::unique_ptr<RecordWriter> writer;
  std::unique_ptr<RecordReader> reader;
  if (tx) {
    writer = std::make_unique<KernelWriter>(kernel_fd, state, false);
    reader = std::make_unique<UserReader>(user_fd, std::move(*protection), 0);
  } else {
    writer = std::make_unique<UserWriter>(user_fd, std::move(*protection), 0);
    reader = std::make_unique<KernelReader>(kernel_fd, state, false);
  }
  const int reading_fd = tx ? user_fd : kernel_fd;
  KTLS_TRY(round_trip(*writer, *reader, reading_fd));
  if (state.version == ProtocolVersion::tls12) return {};

  rekey = false;
  KTLS_TRY(advance_secret(state));
  if (!install_key(kernel_fd, direction, state).ok()) return {};
  KTLS_TRY(ours.update_key());
  rekey = round_trip(*writer, *reader, reading_fd).ok();
  return {};
}

ProbeDirection probe_direction(const TrafficState& sample, KernelDirection direction, bool& rekey) {
  Status tried = try_direction(sample, direction, rekey);
  if (tried.ok()) return {true, ""};
  return {false, explain_key(tried, sample)};
}

ProbeDirections probe_directions(CipherSuite suite, ProtocolVersion version, bool& rekey) {
  const TrafficState sample = sample_state(suite, version);
  ProbeDirections found;
  for (KernelDirection direction : {KernelDirection::tx, KernelDirection::rx}) {
    bool changed = false;
    ProbeDirection& which = direction == KernelDirection::tx ? found.tx : found.rx;
    which = probe_direction(sample, direction, changed);
    if (which.available) rekey &= changed;
  }
  return found;
}

ProbeReport find_out() {
  ProbeReport report = {};
  utsname system = {};
  if (uname(&system) == 0) report.kernel_release = system.release;
  report.openssl = openssl() != nullptr;
  if (report.openssl) report.openssl_version = openssl()->OpenSSL_version(0);

  Result<net::SocketPair> pair = net::loopback_pair();
  Status attached = pair.ok() ? attach_ulp(pair->first.get()) : pair.status();
  report.ulp = attached.ok();
  if (!report.ulp) {
    report.ulp_reason = pair.ok()
                            ? explain_ulp(attached)
                            : "no TCP connection over loopback to try it on (" + what_failed(attached) + ")";
  }
  report.rekey = report.ulp;
  bool any = false;
  for (CipherSuite suite : kCipherSuites) {
    const ProbeDirections none = {{false, report.ulp_reason}, {false, report.ulp_reason}};
    ProbeCipher cipher = {suite, none, none};
    if (report.ulp) {
      bool not_asked = false;
      cipher.tls12 = probe_directions(suite, ProtocolVersion::tls12, not_asked);
      cipher.tls13 = probe_directions(suite, ProtocolVersion::tls13, report.rekey);
      any |= cipher.tls13.tx.available || cipher.tls13.rx.available;
    }
    report.ciphers.push_back(std::move(cipher));
  }
  report.rekey &= any;
  return report;
}

}  // namespace

const ProbeReport& probe() {
  static const ProbeReport report = find_out();
  return report;
}

}  // namespace ktls::tls

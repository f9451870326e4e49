// How a Connection gets its record layers: the kernel's where it may and can, else our own.
#include <unistd.h>

#include "net/socket.h"
#include "tls/connection.h"
#include "tls/kernel_reader.h"
#include "tls/kernel_socket.h"
#include "tls/kernel_writer.h"
#include "tls/openssl.h"
#include "tls/plain.h"
#include "tls/probe.h"
#include "tls/user_reader.h"
#include "tls/user_writer.h"

namespace ktls::tls {

namespace {

// Why a direction is not the kernel's; empty when it is.
struct Choice {
  std::string tx;
  std::string rx;
};

std::string explain(const Status& status) {
  return std::string("this socket was refused by ") + status.syscall() + ": " + status.message();
}

// Tries to hand both directions to the kernel.
Choice take_over(int fd, const TrafficState& tx, const TrafficState& rx) {
  const ProbeReport& can = probe();
  if (!can.ulp) return {can.ulp_reason, can.ulp_reason};
  const auto directions = [&can](const TrafficState& state) {
    for (const ProbeCipher& cipher : can.ciphers) {
      if (cipher.suite == state.suite) {
        return state.version == ProtocolVersion::tls12 ? cipher.tls12 : cipher.tls13;
      }
    }
    const ProbeDirection unknown = {false, "the probe does not know this cipher"};
    return ProbeDirections{unknown, unknown};
  };
  Choice choice = {directions(tx).tx.reason, directions(rx).rx.reason};
  if (!choice.tx.empty() && !choice.rx.empty()) return choice;
  if (Status attached = attach_ulp(fd); !attached.ok()) {
    if (choice.tx.empty()) choice.tx = explain(attached);
    if (choice.rx.empty()) choice.rx = explain(attached);
    return choice;
  }
  if (choice.tx.empty()) {
    if (Status installed = install_key(fd, KernelDirection::tx, tx); !installed.ok())
      choice.tx = explain(installed);
  }
  if (choice.rx.empty()) {
    if (Status installed = install_key(fd, KernelDirection::rx, rx); !installed.ok())
      choice.rx = explain(installed);
  }
  return choice;
}

std::string say(const Choice& choice) {
  if (choice.tx == choice.rx) {
    return choice.tx.empty() ? "the kernel encrypts both directions: tried out and found to work" : choice.tx;
  }
  const char* works = "the kernel's, tried out and found to work";
  return "sending: " + (choice.tx.empty() ? works : choice.tx) +
         "; receiving: " + (choice.rx.empty() ? works : choice.rx);
}

// What every connection's socket has, whoever encrypts.
Status prepare_socket(int fd) {
  KTLS_TRY(net::set_nonblocking(fd));
  KTLS_TRY(net::set_nodelay(fd));
  net::widen_send_buffer(fd);
  net::stop_pacing_to_oneself(fd);
  return {};
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::create(Fd fd, const TrafficState& tx, const TrafficState& rx,
                                                       const ConnectionOptions& options) {
  if (openssl() == nullptr) return Status::fail(Code::unsupported, kNoOpenssl);
  KTLS_TRY(prepare_socket(fd.get()));
  const char* off = "kernel: 'off' was asked for";
  const Choice choice = options.kernel == KernelPolicy::off ? Choice{off, off} : take_over(fd.get(), tx, rx);
  RecordReport report = {choice.tx.empty() ? Placement::kernel : Placement::user,
                         choice.rx.empty() ? Placement::kernel : Placement::user, say(choice)};
  if (options.kernel == KernelPolicy::require && (!choice.tx.empty() || !choice.rx.empty())) {
    return Status::fail(Code::kernel_required, "kernel: 'require' was given, but " + report.reason);
  }

  const bool can_rekey = probe().rekey && tx.version == ProtocolVersion::tls13;
  std::unique_ptr<RecordWriter> writer;
  if (choice.tx.empty()) {
    writer = std::make_unique<KernelWriter>(fd.get(), tx, can_rekey);
  } else {
    Result<std::unique_ptr<RecordProtection>> protection = create_protection(tx, Aead::Direction::seal);
    if (!protection.ok()) return protection.status();
    writer = std::make_unique<UserWriter>(fd.get(), std::move(*protection), options.send_batch);
  }
  std::unique_ptr<RecordReader> reader;
  if (choice.rx.empty()) {
    reader = std::make_unique<KernelReader>(fd.get(), rx, can_rekey);
  } else {
    Result<std::unique_ptr<RecordProtection>> protection = create_protection(rx, Aead::Direction::open);
    if (!protection.ok()) return protection.status();
    reader = std::make_unique<UserReader>(fd.get(), std::move(*protection), options.receive_buffer);
  }
  return std::unique_ptr<Connection>(new Connection(std::move(fd), std::move(report), tx.version, options,
                                                    std::move(writer), std::move(reader)));
}

Result<std::unique_ptr<Connection>> Connection::create_plain(Fd fd) {
  KTLS_TRY(prepare_socket(fd.get()));
  auto writer = std::make_unique<PlainWriter>(fd.get());
  auto reader = std::make_unique<PlainReader>(fd.get());
  RecordReport report = {Placement::none, Placement::none, "no encryption: it was asked for, as insecure"};
  return std::unique_ptr<Connection>(new Connection(std::move(fd), std::move(report), ProtocolVersion::tls13,
                                                    ConnectionOptions(), std::move(writer),
                                                    std::move(reader)));
}

}  // namespace ktls::tls

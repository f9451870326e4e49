// A handshake of the runtime's own TLS, which this drives over a socket that the runtime does not know.
//
// node:tls makes an SSL object with all its callbacks (certificates, SNI, ALPN, PSK, tickets) and feeds it
// from streams of its own, which read ahead. Here the SSL object gets other BIOs: OpenSSL then asks for the
// header of a record, and for its body, and never for a byte behind the handshake, which belongs to the
// record layer.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "tls/key_log.h"
#include "tls/libssl.h"

namespace ktls::tls {

// Not thread-safe: of the thread whose event loop the SSL object belongs to, as all its callbacks are.
class SslHandshake {
 public:
  // Where the bytes come from, and who is told that there are some to be sent.
  class Wire {
   public:
    // What is there, at most as much as `memory` takes; would_block; end_of_stream; any error.
    virtual Result<size_t> receive(MutableBytes memory) = 0;
    // node:tls went on by itself, when a callback of the program had been answered: there is output.
    virtual void on_output() = 0;

   protected:
    ~Wire() = default;
  };

  enum class Step { done, waiting, failed };
  static constexpr size_t kRandomLength = 32;
  using Random = std::array<uint8_t, kRandomLength>;

  // Takes over the SSL object that `make` creates in this thread. Null where it creates none, or where there
  // is no OpenSSL. `wire` outlives this.
  static std::unique_ptr<SslHandshake> take(const std::function<void()>& make, Wire& wire);
  ~SslHandshake();
  SslHandshake(const SslHandshake&) = delete;
  SslHandshake& operator=(const SslHandshake&) = delete;

  // Goes on as far as it can with what the wire has. Callbacks of node:tls run in it.
  Step proceed();
  // Whether the last step ended because the wire had no more.
  bool starved() const { return starved_; }
  // What is to be sent, in order; whoever sends it takes it out.
  std::vector<uint8_t>& output() { return output_; }
  // After Step::failed: why, as OpenSSL calls it ("wrong version number"); empty where the wire failed.
  const std::string& reason() const { return reason_; }
  const Status& wire_failure() const { return wire_failure_; }
  // The alert that the peer sent (RFC 8446, 6); -1 where it sent none.
  int peer_alert() const { return peer_alert_; }

  // The secrets that were agreed on so far.
  const KeyLog& key_log() const { return key_log_; }
  // How many records this end has written behind its Finished: those of tickets.
  uint64_t sent_after_finished() const { return sent_after_finished_; }
  // The end of all output so far: 64 bytes, or as many as there were.
  Bytes last_sent() const { return last_sent_; }
  Random client_random() const;
  Random server_random() const;

  // From here on nothing that node:tls writes goes anywhere.
  void end();
  // The same when the handshake is done, and frees what the SSL object, kept for what it knows, needs no
  // more. Not in a callback of node:tls.
  void retire();
  // Gives a record to the SSL object that came after the handshake, through end() or not.
  void feed(Bytes record);

 private:
  struct Slot;
  struct Hooks;

  SslHandshake(const Libssl& lib, Ssl* ssl, Wire& wire);
  void sent(Bytes data);

  const Libssl& lib_;
  Wire& wire_;
  // Belongs to the SSL object; null when that is gone.
  Slot* slot_ = nullptr;
  bool driving_ = false;
  bool ended_ = false;
  bool starved_ = false;
  bool end_of_stream_ = false;
  int peer_alert_ = -1;
  KeyLog key_log_;
  uint64_t sent_after_finished_ = 0;
  std::vector<uint8_t> output_;
  std::vector<uint8_t> last_sent_;
  Bytes fed_;
  std::string reason_;
  Status wire_failure_;
};

}  // namespace ktls::tls

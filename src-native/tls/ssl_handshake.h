// A handshake by the runtime's own TLS, over a socket of ours.
//
// The SSL object is of a context of node:tls, with its certificates, authorities, ciphers and tickets, and
// has BIOs of ours: OpenSSL asks for the header of a record, and for its body, and never for a byte behind
// the handshake, which belongs to the record layer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "tls/key_log.h"
#include "tls/libssl.h"
#include "tls/ssl_context.h"

namespace ktls::tls {

// One external PSK of TLS 1.3 (RFC 8446, 4.2.11), by which the two ends know each other.
struct PreSharedKey {
  std::string identity;
  std::string key;
};

// Not thread-safe: of the thread whose event loop the context belongs to, as all its callbacks are.
class SslHandshake {
 public:
  // Where the bytes come from, and who answers what only the program knows.
  class Wire {
   public:
    // What is there, at most as much as `memory` takes; would_block; end_of_stream; any error.
    virtual Result<size_t> receive(MutableBytes memory) = 0;
    // Options::asks: which certificate is it to be? To be answered by answer(), now or later; proceed() goes
    // on then. `server_name` (RFC 6066, 3) is null where the client gave none.
    virtual void on_certificate(const char* server_name, bool wants_staple) = 0;

   protected:
    ~Wire() = default;
  };

  struct Options {
    bool server = false;
    // Of a server: a certificate is asked for, and whatever comes is taken. SslFacts says what it is worth.
    bool request_certificate = false;
    bool asks = false;
    // Of a client: RFC 6066, 3; none where it is empty.
    std::string server_name;
    // Of a client: as RFC 7301, 3.1 sends them.
    std::string alpn_protocols;
    // Of a client: DER, as i2d_SSL_SESSION(3) writes it. One that cannot be used is left alone.
    std::string session;
    std::optional<PreSharedKey> psk;
  };

  enum class Step { done, waiting, failed };

  // Null without memory. `wire` outlives this.
  static std::unique_ptr<SslHandshake> create(const SslContext& context, Options options, Wire& wire);
  ~SslHandshake();
  SslHandshake(const SslHandshake&) = delete;
  SslHandshake& operator=(const SslHandshake&) = delete;

  // Goes on as far as it can with what the wire has. Callbacks of the program run in it.
  Step proceed();
  // Answers on_certificate(), once. Null, and empty: nothing but what there is. False where OpenSSL refuses.
  bool answer(const SslContext* context, Bytes staple);
  // Whether the last step ended because the wire had no more.
  bool starved() const { return starved_; }
  // What is to be sent, in order; whoever sends it takes it out.
  std::vector<uint8_t>& output() { return output_; }
  // After Step::failed: why, as OpenSSL calls it ("wrong version number"); empty where the wire failed.
  const std::string& reason() const { return reason_; }
  const Status& wire_failure() const { return wire_failure_; }
  // The alert that the peer sent (RFC 8446, 6); -1 where it sent none.
  int peer_alert() const { return peer_alert_; }

  // The secrets that were agreed on so far; a server keeps none of the handshake itself.
  const KeyLog& key_log() const { return key_log_; }
  // Whether the peer took the PSK. In TLS 1.3 a resumed session looks alike to OpenSSL.
  bool used_psk() const { return used_psk_; }
  // How many records this end has written behind its Finished: those of tickets.
  uint64_t sent_after_finished() const { return sent_after_finished_; }
  // The end of all output so far: 64 bytes, or as many as there were.
  Bytes last_sent() const { return last_sent_; }
  // What the client calls the server, so far; null where it gave no name.
  const char* server_name() const;
  // For what it knows.
  Ssl* ssl() const { return ssl_; }

  // From here on nothing that OpenSSL writes goes anywhere.
  void end();
  // The same when the handshake is done, and frees what the SSL object, kept for tickets, needs no more. Not
  // in a callback.
  void retire();
  // Gives a record to the SSL object that came after the handshake, through end() or not.
  void feed(Bytes record);

 private:
  struct Hooks;

  SslHandshake(const Libssl& lib, Ssl* ssl, Options options, Wire& wire);
  void set_up();
  void sent(Bytes data);
  void on_message(bool written, int type, Bytes message);

  const Libssl& lib_;
  Ssl* const ssl_;
  Options options_;
  Wire& wire_;
  bool driving_ = false;
  bool ended_ = false;
  bool starved_ = false;
  bool end_of_stream_ = false;
  // Whether the secrets that OpenSSL agrees on next are of any use.
  bool logs_ = true;
  bool asked_ = false;
  bool answered_ = false;
  bool stapled_ = false;
  bool used_psk_ = false;
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

// A TLS connection after its handshake: a descriptor, two record layers, and what RFC 8446 wants
// done with alerts, KeyUpdate and NewSessionTicket, or RFC 5246 where TLS 1.2 was agreed on.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/deadline.h"
#include "base/fd.h"
#include "base/status.h"
#include "tls/handshake_message.h"
#include "tls/record_layer.h"

namespace ktls::tls {

enum class KernelPolicy : uint8_t { automatic, require, off };

// Which end of the handshake this one was. `unknown`, where whoever made it does not say: what either may be
// sent is accepted.
enum class Role : uint8_t { unknown, client, server };

// Readable on every socket and in every result.
struct RecordReport {
  Placement tx;
  Placement rx;
  std::string reason;  // why, in words, for both directions
};

struct ConnectionOptions {
  KernelPolicy kernel = KernelPolicy::automatic;
  Role role = Role::unknown;
  // At least 2; at most kMaxRecordsPerKey.
  uint64_t max_records_per_key = kMaxRecordsPerKey;
  // Bytes of ciphertext that our own record layer takes by one recv, in memory that the connection keeps.
  // Trees want the default; where there are many connections, less.
  size_t receive_buffer = 256 * 1024;
  // Bytes of ciphertext that it seals before one send, in memory that it has only while some of them wait.
  size_t send_batch = 256 * 1024;
};

// One thread may read while another writes; two must not read at once, nor write at once.
class Connection {
 public:
  // Takes the descriptor, makes it non-blocking, sets TCP_NODELAY and, where the system's is tiny, a larger
  // send buffer, takes bbr off where the peer is this machine (net/socket.h), and gives each direction its
  // record layer. kernel_required when policy is `require` and a
  // direction cannot have it; unsupported when there is no OpenSSL: the kernel's record layer, too, gets its
  // keys through it.
  static Result<std::unique_ptr<Connection>> create(Fd fd, const TrafficState& tx, const TrafficState& rx,
                                                    const ConnectionOptions& options);
  // No TLS: what `encryption: 'none'` together with `insecure: true` gives. The same interface.
  // TCP's end of stream is its close_notify.
  static Result<std::unique_ptr<Connection>> create_plain(Fd fd);

  int fd() const { return fd_.get(); }
  const RecordReport& report() const { return report_; }
  // Whether send_file() and splice_from() work: where TX is the kernel's, or without TLS.
  bool can_send_file() const { return writer_->can_send_file(); }
  // Whether splice_to() ever works: where RX is the kernel's.
  bool can_splice_to() const { return reader_->can_splice_to(); }
  // Whether KeyUpdate can be sent, and whether one that the peer sends can be followed.
  bool can_update_tx_key() const { return writer_->can_update_key(); }
  bool can_update_rx_key() const { return reader_->can_update_key(); }

  // --- Without blocking -------------------------------------------------------------------------

  // Application data only. Control records are handled on the way: KeyUpdate is followed (and
  // answered at the next write), tickets go to on_ticket, an alert other than close_notify becomes
  // Code::alert with the alert's name. end_of_stream after close_notify; truncated when TCP ends
  // without it; would_block when nothing is there. An error that RFC 8446 calls fatal is told to the
  // peer by an alert, once, and ends the writing side too. Every error but would_block stays. 0 when tickets
  // went to on_ticket: what follows them is left to the next call.
  Result<size_t> read(MutableBytes into);
  // Application data into a pipe, where RX is the kernel's. would_block when nothing is there, or the
  // pipe is full; unsupported when only read() can go on: call that once, then this again.
  Result<size_t> splice_to(int pipe, size_t count);
  // Accepts at least one byte or would_block. Sends KeyUpdate by itself before the key's limit
  // where it can; where it cannot, Code::limit at the limit: see key_nearly_spent().
  Result<size_t> write(Bytes data);
  Result<size_t> send_file(int file, off_t* offset, size_t count);
  Result<size_t> splice_from(int pipe, size_t count, bool more);
  Status flush();
  // Sends KeyUpdate (RFC 8446, 4.6.3), after what was written before; would_block when there is no room yet.
  // `request_peer`: asks the peer to change its key, too. key_update_unsupported, which changes nothing,
  // where the kernel cannot, in TLS 1.2, and without TLS. Follow by flush().
  Status update_key(bool request_peer);
  // Queues close_notify once; what was written before it goes out first. Follow by flush().
  Status close_notify();
  // The fatal alert that the peer sent, once read() returned Code::alert; -1 before. The reading thread's.
  int peer_alert() const { return peer_alert_; }
  // Whether read() would return something that poll(2) on fd() cannot see.
  bool has_buffered() const { return reader_->has_buffered(); }

  // True when this connection's TX key is within a 16th of its limit and cannot be changed: drain
  // it and open another connection.
  bool key_nearly_spent();
  // What the peer said of itself, where a protocol above lets it say so: a key that it could not follow
  // is not changed. True until told otherwise.
  void set_peer_follows_key_update(bool follows) { peer_follows_key_update_.store(follows); }

  // --- Blocking: in poll(2), until done, cancelled or the deadline (Code::idle_timeout) ----------

  // `idle` starts anew whenever bytes move; `end` bounds the whole.
  struct Patience {
    const Cancel& cancel;
    std::chrono::milliseconds idle;
    Deadline end = Deadline::never();

    // Of a wait that starts now.
    Deadline deadline() const { return Deadline::earlier(Deadline::in(idle), end); }
  };
  Result<size_t> read_some(MutableBytes into, const Patience& patience);
  Status write_all(Bytes data, const Patience& patience);
  Status flush_all(const Patience& patience);

  // A NewSessionTicket message (RFC 8446, 4.6.1), whole, for whoever keeps sessions; called from read(), for
  // no more than the first thousand. May be empty. To be set before the first read().
  std::function<void(Bytes)> on_ticket;

 private:
  Connection(Fd fd, RecordReport report, ProtocolVersion version, const ConnectionOptions& options,
             std::unique_ptr<RecordWriter> writer, std::unique_ptr<RecordReader> reader);

  // With write_mutex_ held.
  Result<size_t> prepare_write(size_t count);
  Result<size_t> charge(Result<size_t> written);
  uint64_t records_left() const;
  bool may_update_key() const { return writer_->can_update_key() && peer_follows_key_update_; }

  Status handle_control(ContentType type, Bytes content);
  Status handle_alert(Bytes content);
  Status handle_handshake(Bytes content);
  Status handle_ticket(Bytes message);
  Status handle_key_update(Bytes message);
  Status handle_tls12_message(HandshakeType type);
  Status refuse_renegotiation();
  // What the peer did wrong: tells it, and returns the Status.
  Status fatal(AlertDescription alert, Status status);
  Status fatal(AlertDescription alert, const char* what);

  const Fd fd_;
  const RecordReport report_;
  const ProtocolVersion version_;
  const Role role_;
  const uint64_t max_records_per_key_;

  // The reading thread's.
  const std::unique_ptr<RecordReader> reader_;
  HandshakeMessages messages_;
  size_t control_records_ = 0;  // in a row
  size_t tickets_in_a_row_ = 0;
  size_t tickets_ = 0;         // that went to on_ticket
  size_t renegotiations_ = 0;  // that the peer asked for
  Status read_failure_;
  int peer_alert_ = -1;

  // From the reading thread to the next write.
  std::atomic<bool> key_update_requested_{false};
  std::atomic<bool> peer_follows_key_update_{true};

  // Guards what follows: the reading thread, too, writes when it has to send an alert.
  std::mutex write_mutex_;
  const std::unique_ptr<RecordWriter> writer_;
  // A lower bound of the records that may still go under the key, so that a system call that asks the
  // kernel is not needed at each write.
  uint64_t allowance_ = 0;
  bool closed_ = false;  // close_notify or a fatal alert has been queued
  Status write_failure_;
};

}  // namespace ktls::tls

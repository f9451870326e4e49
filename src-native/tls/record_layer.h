// One direction of a TLS connection after its handshake: bytes in, records out, or the reverse.
// The kernel's record layer and our own stand behind the same two interfaces and put the same
// bytes on the wire. Neither ever blocks; neither is safe to share between threads, but a reader
// and a writer of one connection may run on two.
#pragma once

#include <sys/types.h>

#include <memory>

#include "base/bytes.h"
#include "base/status.h"
#include "tls/alert.h"
#include "tls/cipher.h"

namespace ktls::tls {

// RFC 8446, 5.1.
enum class ContentType : uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
};

// Empty records are allowed (RFC 8446, 5.1: against traffic analysis), but a peer that sends nothing else
// keeps this side busy for nothing: in a row.
inline constexpr size_t kMaxEmptyRecords = 1000;

// Who encrypts. `none`: nobody, the connection has no TLS.
enum class Placement : uint8_t { kernel, user, none };

// "kernel", "user", "none".
const char* placement_name(Placement placement);

// What the handshake left for one direction.
struct TrafficState {
  CipherSuite suite;
  // TLS 1.3: client_application_traffic_secret_N or server_…, traits(suite).hash_length bytes.
  // TLS 1.2: the write key, then the 12 bytes of the IV; with GCM these are the salt and the explicit part
  // of the nonce of the next record sent (RFC 5288, 3).
  uint8_t secret[48];
  // Of the next record.
  uint64_t sequence;
  ProtocolVersion version = ProtocolVersion::tls13;
};

// Bytes of TrafficState::secret.
inline size_t secret_length(CipherSuite suite, ProtocolVersion version) {
  return version == ProtocolVersion::tls13 ? traits(suite).hash_length : traits(suite).key_length + kIvLength;
}

class RecordWriter {
 public:
  virtual ~RecordWriter() = default;

  virtual Placement placement() const = 0;

  // Accepts application data from the front of `data` and returns how many bytes: at least one (0 only
  // for empty data), or would_block. What was accepted may still wait in a buffer of ours: see flush().
  virtual Result<size_t> write(Bytes data) = 0;
  // ok when nothing accepted waits in user space any more; would_block when something still does.
  virtual Status flush() = 0;
  // Accepts one control record whole, after everything accepted before it; would_block when there
  // is no room. Follow it by flush().
  virtual Status write_control(ContentType type, Bytes content) = 0;

  // Whether send_file() and splice_from() work here: where the bytes need not visit user space.
  virtual bool can_send_file() const = 0;
  // Zero-copy; Code::unsupported where can_send_file() is false. `offset` is advanced. Returns the
  // bytes taken; 0 at the end of the file. A count beyond the end of the file, or `more` with nothing
  // after it, leaves a record open in the kernel until the next write or flush().
  virtual Result<size_t> send_file(int file, off_t* offset, size_t count) = 0;
  // The same from a pipe that holds at least `count` bytes. `more` says that bytes follow at once.
  virtual Result<size_t> splice_from(int pipe, size_t count, bool more) = 0;

  // Whether update_key() can work here.
  virtual bool can_update_key() const = 0;
  // Sends KeyUpdate (RFC 8446, 4.6.3) and continues under the next key. would_block when there is
  // no room yet; key_update_unsupported where the kernel cannot. Any other error stays: nothing can be
  // written any more.
  virtual Status update_key(bool request_peer) = 0;
  // Records sent under the current key, also before the hand-over, for every key begins with number 0:
  // compare with kMaxRecordsPerKey. An upper bound where the kernel cuts the records.
  virtual uint64_t records_under_key() const = 0;
  // Of the next record to be written.
  virtual Result<uint64_t> sequence() const = 0;
};

class RecordReader {
 public:
  virtual ~RecordReader() = default;

  virtual Placement placement() const = 0;

  struct Received {
    ContentType type;
    size_t length;  // of application data: bytes put into the caller's memory
    Bytes control;  // of any other type: the record's content, valid until the next read()
  };
  // Reads application data (as many records as are there and fit; what is left of one that does not fit
  // waits), or exactly one control record. Types are never mixed. would_block when no whole record is
  // there; end_of_stream at TCP's end, which is a truncation unless close_notify came before;
  // bad_record_mac, bad_record (RFC 8446, 5.2), key_update_unsupported. An error stays: every later
  // read() returns it. `into` may get bytes behind those returned; it must not be empty.
  virtual Result<Received> read(MutableBytes into) = 0;
  // Whether splice_to() works here: where the bytes need not visit user space.
  virtual bool can_splice_to() const = 0;
  // Moves application data into a pipe. would_block when no whole record is there, or the pipe is full;
  // unsupported when only read() can go on: at a control record, at the end of the stream, after an error.
  virtual Result<size_t> splice_to(int pipe, size_t count) = 0;
  // After an error: the alert that RFC 8446 wants sent for it.
  virtual AlertDescription alert() const = 0;
  // Whether read() would return something that poll(2) on the descriptor cannot see.
  virtual bool has_buffered() const = 0;

  // To be called after a KeyUpdate was read, before the next read().
  virtual Status update_key() = 0;
  virtual bool can_update_key() const = 0;
};

}  // namespace ktls::tls

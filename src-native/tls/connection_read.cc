// The reading half of Connection: application data to the caller, control records to their meaning.
#include "tls/connection.h"

namespace ktls::tls {

namespace {

// Control records are rare beside data; a peer that sends nothing else only keeps this side busy.
constexpr size_t kMaxControlRecords = 1000;
// Servers send two or so. A record has room for thousands, each of which costs more than its few bytes did.
constexpr size_t kMaxTicketsInARow = 32;
// Whoever keeps sessions has use for the latest few.
constexpr size_t kMaxTickets = 1000;
// One that was told no does not ask again; a few may be on their way before it hears that.
constexpr size_t kMaxRenegotiations = 3;

}  // namespace

Result<size_t> Connection::read(MutableBytes into) {
  if (into.empty()) return size_t{0};
  if (!read_failure_.ok()) return read_failure_;
  for (;;) {
    Result<RecordReader::Received> received = reader_->read(into);
    if (received.is(Code::would_block)) return received.status();
    Status status;
    if (received.is(Code::end_of_stream)) {
      status = Status::fail(
          Code::truncated,
          "the connection ended without close_notify: the peer, or something between, went away");
    } else if (received.is(Code::system)) {
      status = received.status();
    } else if (!received.ok()) {
      status = fatal(reader_->alert(), received.status());
    } else if (received->type != ContentType::application_data) {
      const size_t tickets = tickets_;
      status = handle_control(received->type, received->control);
      // Whoever is told of them may give the connection away, and would lose what was read behind them.
      if (status.ok() && tickets_ > tickets) return size_t{0};
    } else if (messages_.has_pending()) {
      status =
          fatal(AlertDescription::unexpected_message, "application data came inside a handshake message");
    } else {
      control_records_ = tickets_in_a_row_ = 0;
      return received->length;
    }
    if (!status.ok()) {
      read_failure_ = status;
      return status;
    }
  }
}

Result<size_t> Connection::splice_to(int pipe, size_t count) {
  if (!read_failure_.ok() || messages_.has_pending()) return Status::of(Code::unsupported);
  Result<size_t> moved = reader_->splice_to(pipe, count);
  if (moved.ok()) control_records_ = tickets_in_a_row_ = 0;
  return moved;
}

Status Connection::handle_control(ContentType type, Bytes content) {
  if (++control_records_ > kMaxControlRecords) {
    return fatal(AlertDescription::unexpected_message, "too many control records in a row");
  }
  if (type == ContentType::alert) return handle_alert(content);
  if (type == ContentType::handshake) return handle_handshake(content);
  return fatal(AlertDescription::unexpected_message, "a record has a content type that may not come here");
}

Status Connection::handle_alert(Bytes content) {
  if (content.size() != 2) return fatal(AlertDescription::decode_error, "an alert is not two bytes long");
  const uint8_t description = content[1];
  if (description == static_cast<uint8_t>(AlertDescription::close_notify)) {
    return Status::of(Code::end_of_stream);
  }
  if (description == static_cast<uint8_t>(AlertDescription::user_canceled)) return {};
  // TLS 1.2 has warnings that one may pass over (RFC 5246, 7.2.2). In TLS 1.3 the level is redundant, the
  // description alone counts (RFC 8446, 6).
  const bool warning = content[0] == static_cast<uint8_t>(AlertLevel::warning);
  if (version_ == ProtocolVersion::tls12 && warning) return {};
  peer_alert_ = description;
  Status status =
      Status::fail(Code::alert, "the peer sent the fatal TLS alert " + std::to_string(description) + " (" +
                                    alert_name(description) + ")");
  std::lock_guard lock(write_mutex_);
  if (write_failure_.ok()) write_failure_ = status;
  return status;
}

Status Connection::handle_handshake(Bytes content) {
  messages_.add(content);
  for (;;) {
    Result<Bytes> message = messages_.next();
    if (!message.ok()) return fatal(AlertDescription::decode_error, message.status());
    if (message->empty()) return {};
    const auto type = static_cast<HandshakeType>((*message)[0]);
    if (version_ == ProtocolVersion::tls12) {
      KTLS_TRY(handle_tls12_message(type));
      continue;
    }
    switch (type) {
      case HandshakeType::new_session_ticket:
        KTLS_TRY(handle_ticket(*message));
        break;
      case HandshakeType::key_update:
        KTLS_TRY(handle_key_update(*message));
        break;
      default:
        return fatal(AlertDescription::unexpected_message, "a handshake message may not come here");
    }
  }
}

Status Connection::handle_ticket(Bytes message) {
  if (role_ == Role::server) {
    return fatal(AlertDescription::unexpected_message,
                 "a client sent a session ticket, which only servers do");
  }
  if (++tickets_in_a_row_ > kMaxTicketsInARow) {
    return fatal(AlertDescription::unexpected_message, "too many session tickets in a row");
  }
  if (on_ticket && tickets_ < kMaxTickets) {
    on_ticket(message);
    ++tickets_;
  }
  return {};
}

// A server asks for a renegotiation by HelloRequest, a client by ClientHello (RFC 5246, 7.4.1).
Status Connection::handle_tls12_message(HandshakeType type) {
  const bool asks = (type == HandshakeType::hello_request && role_ != Role::server) ||
                    (type == HandshakeType::client_hello && role_ != Role::client);
  if (!asks) return fatal(AlertDescription::unexpected_message, "a handshake message may not come here");
  if (++renegotiations_ > kMaxRenegotiations) {
    return fatal(AlertDescription::unexpected_message, "the peer asks for a renegotiation again and again");
  }
  // Once: an answer to each would be several times as long as the question.
  return renegotiations_ == 1 ? refuse_renegotiation() : Status();
}

// By a warning, after which the peer may go on without (RFC 5246, 7.2.2). As far as it goes: where there is
// no room for it, or no record left under the key, the question stays without an answer, which is one, too.
Status Connection::refuse_renegotiation() {
  std::lock_guard lock(write_mutex_);
  if (closed_ || !write_failure_.ok()) return {};
  if (allowance_ == 0) allowance_ = records_left();
  if (allowance_ == 0) return {};
  const uint8_t content[] = {static_cast<uint8_t>(AlertLevel::warning),
                             static_cast<uint8_t>(AlertDescription::no_renegotiation)};
  Status sent = writer_->write_control(ContentType::alert, content);
  if (sent.is(Code::would_block)) return {};
  --allowance_;
  return sent;
}

Status Connection::handle_key_update(Bytes message) {
  if (message.size() != kHandshakeHeaderLength + 1) {
    return fatal(AlertDescription::decode_error, "a KeyUpdate has a wrong length");
  }
  const uint8_t request = message[kHandshakeHeaderLength];
  if (request > 1) return fatal(AlertDescription::illegal_parameter, "a KeyUpdate has an unknown request");
  // RFC 8446, 5.1: what follows is under another key, so the message must end its record.
  if (messages_.has_pending()) {
    return fatal(AlertDescription::unexpected_message, "a KeyUpdate does not end its record");
  }
  Status updated = reader_->update_key();
  if (!updated.ok()) return fatal(AlertDescription::internal_error, std::move(updated));
  if (request == 1) key_update_requested_.store(true, std::memory_order_release);
  return {};
}

Status Connection::fatal(AlertDescription alert, Status status) {
  std::lock_guard lock(write_mutex_);
  if (!closed_ && write_failure_.ok()) {
    const uint8_t content[] = {static_cast<uint8_t>(AlertLevel::fatal), static_cast<uint8_t>(alert)};
    // As far as it goes: a peer that does not read gets no second chance.
    Status sent = writer_->write_control(ContentType::alert, content);
    if (sent.ok()) sent = writer_->flush();
    closed_ = true;
  }
  if (write_failure_.ok()) write_failure_ = status;
  return status;
}

Status Connection::fatal(AlertDescription alert, const char* what) {
  return fatal(alert, Status::fail(Code::bad_record, what));
}

}  // namespace ktls::tls

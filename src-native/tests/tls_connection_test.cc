// Connection: what RFC 8446 asks after the handshake, over our own record layer and over none.
#include <fcntl.h>
#include <sys/resource.h>

#include "tests/check.h"
#include "tests/tls_file_support.h"
#include "tls/handshake_message.h"
#include "tls/probe.h"

using namespace ktls;
using namespace ktls::test;
using namespace ktls::tls;

namespace {

constexpr CipherSuite kSuite = CipherSuite::aes_128_gcm_sha256;
const ConnectionOptions kUser = {.kernel = KernelPolicy::off};

Buffer handshake_message(uint8_t type, size_t length) {
  Buffer message = pattern(4 + length);
  message[0] = type;
  message[1] = static_cast<uint8_t>(length >> 16);
  message[2] = static_cast<uint8_t>(length >> 8);
  message[3] = static_cast<uint8_t>(length);
  return message;
}

// The peer does what it must not: the connection says so, tells the peer, and stays refused both ways.
void check_refused(Faced& f, Code code, AlertDescription alert) {
  Buffer into(65536);
  CHECK_EQ(code_of(read_after_wait(*f.connection, into)), code);
  CHECK_EQ(code_of(f.connection->read(into)), code);
  CHECK_EQ(code_of(f.connection->write(bytes("x"))), code);
  CHECK_EQ(code_of(f.connection->close_notify()), code);
  check_alert(f, alert);
  // Once only.
  CHECK_CODE(f.from_connection.read(into), would_block);
}

void check_refused(ContentType type, Bytes content, AlertDescription alert) {
  Faced f = faced(kSuite, kUser);
  f.send(type, content);
  check_refused(f, Code::bad_record, alert);
}

}  // namespace

TEST(off_is_user_space_and_says_so) {
  Ends ends = connected(kSuite, kUser, kUser);
  CHECK(ends.a->report().tx == Placement::user);
  CHECK(ends.a->report().rx == Placement::user);
  CHECK_EQ(ends.a->report().reason, std::string("kernel: 'off' was asked for"));
  CHECK(!ends.a->can_send_file());
  CHECK(ends.a->can_update_tx_key() && ends.a->can_update_rx_key());
}

// A socket that cannot have TLS, whatever the kernel: the reason names what is missing, here or on all.
TEST(require_fails_with_the_reason_where_the_kernel_cannot) {
  if (probe().ulp) {
    CHECK(probe().ulp_reason.empty());
    Ends ends = connected(kSuite, {.kernel = KernelPolicy::require}, kUser);
    CHECK(ends.a->report().tx == Placement::kernel);
    return;
  }
  net::SocketPair pair = tcp_pair();
  Result<std::unique_ptr<Connection>> made = Connection::create(
      std::move(pair.first), sample_state(kSuite), sample_state(kSuite), {.kernel = KernelPolicy::require});
  CHECK_CODE(made, kernel_required);
  CHECK(made.status().message().find(probe().ulp_reason) != std::string::npos);
  CHECK(made.status().message().find("modprobe tls") != std::string::npos);
}

TEST(automatic_works_and_gives_a_reason) {
  Ends ends = connected(kSuite, {.kernel = KernelPolicy::automatic}, kUser);
  CHECK(!ends.a->report().reason.empty());
  Buffer data = pattern(100'000);
  CHECK(carry(*ends.a, *ends.b, data, data.size(), 65536) == data);
  CHECK(carry(*ends.b, *ends.a, data, data.size(), 65536) == data);
}

TEST(the_probe_explains_what_is_missing) {
  const ProbeReport& report = probe();
  CHECK(&report == &probe());
  CHECK(!report.kernel_release.empty());
  CHECK(report.openssl);
  CHECK(report.openssl_version.find("OpenSSL") != std::string::npos);
  CHECK_EQ(report.ulp, report.ulp_reason.empty());
  CHECK_EQ(report.ciphers.size(), std::size(kCipherSuites));
  for (const ProbeCipher& cipher : report.ciphers) {
    CHECK_EQ(cipher.tls13.tx.available, cipher.tls13.tx.reason.empty());
    CHECK_EQ(cipher.tls13.rx.available, cipher.tls13.rx.reason.empty());
  }
}

TEST(bytes_cross_in_both_directions_at_once) {
  for (CipherSuite suite : kCipherSuites) {
    Ends ends = connected(suite, kUser, kUser);
    Buffer there = pattern(3'000'000, 1), back = pattern(3'000'000, 2), got_there;
    std::thread other([&] { got_there = carry(*ends.a, *ends.b, there, 100'000, 70'000); });
    Buffer got_back = carry(*ends.b, *ends.a, back, 5'000'000, 1 << 20);
    other.join();
    CHECK(got_there == there);
    CHECK(got_back == back);
  }
}

TEST(close_notify_is_sent_once_and_ends_writing_but_not_reading) {
  Faced f = faced(kSuite, kUser);
  CHECK_OK(f.connection->write(bytes("last")));
  CHECK_OK(f.connection->close_notify());
  CHECK_OK(f.connection->close_notify());
  CHECK_OK(f.connection->flush());
  Result<size_t> late = f.connection->write(bytes("late"));
  CHECK_CODE(late, system);
  CHECK_EQ(late.status().error_number(), EPIPE);
  Buffer into(65536);
  CHECK_EQ(next_record(f.from_connection, f.peer.get(), into).length, size_t{4});
  RecordReader::Received alert = next_record(f.from_connection, f.peer.get(), into);
  CHECK(alert.type == ContentType::alert);
  CHECK(Buffer(alert.control.begin(), alert.control.end()) == Buffer({1, 0}));
  CHECK_CODE(f.from_connection.read(into), would_block);
  f.send(ContentType::application_data, bytes("still here"));
  CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{10});
}

TEST(what_follows_close_notify_is_ignored_and_writing_goes_on) {
  Faced f = faced(kSuite, kUser);
  f.send(ContentType::application_data, bytes("abc"));
  f.send(ContentType::alert, hex("01 00"));
  f.send(ContentType::application_data, bytes("ignored"));
  Buffer into(65536);
  CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{3});
  CHECK_CODE(read_after_wait(*f.connection, into), end_of_stream);
  CHECK_CODE(f.connection->read(into), end_of_stream);
  CHECK_OK(f.connection->write(bytes("answer")));
  CHECK_EQ(next_record(f.from_connection, f.peer.get(), into).length, size_t{6});
}

TEST(an_end_without_close_notify_is_truncated_at_every_byte) {
  RecordForge forge(sample_state(kSuite, kSeedOfB));
  const Buffer record = forge.record(ContentType::application_data, bytes("hello"));
  for (size_t length = 0; length <= record.size(); ++length) {
    Faced f = faced(kSuite, kUser);
    if (length > 0) send_raw(f.peer.get(), Bytes(record).first(length));
    f.peer.reset();
    Buffer into(65536);
    if (length == record.size()) CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{5});
    CHECK_CODE(read_after_wait(*f.connection, into), truncated);
    CHECK_CODE(f.connection->read(into), truncated);
  }
}

TEST(a_fatal_alert_of_the_peer_is_named_and_ends_both_directions) {
  Faced f = faced(kSuite, kUser);
  f.send(ContentType::alert, hex("02 14"));
  Buffer into(65536);
  Result<size_t> got = read_after_wait(*f.connection, into);
  CHECK_CODE(got, alert);
  CHECK(got.status().message().find("bad_record_mac") != std::string::npos);
  CHECK_CODE(f.connection->write(bytes("x")), alert);
  // RFC 8446, 6.2: nothing is sent in answer.
  CHECK_CODE(f.from_connection.read(into), would_block);
}

TEST(an_alert_is_fatal_whatever_its_level_says_user_canceled_excepted) {
  Buffer into(65536);
  Faced warned = faced(kSuite, kUser);
  warned.send(ContentType::alert, hex("01 28"));
  CHECK_CODE(read_after_wait(*warned.connection, into), alert);
  Faced canceled = faced(kSuite, kUser);
  canceled.send(ContentType::alert, hex("01 5a"));
  canceled.send(ContentType::alert, hex("01 00"));
  CHECK_CODE(read_after_wait(*canceled.connection, into), end_of_stream);
  Faced unknown = faced(kSuite, kUser);
  unknown.send(ContentType::alert, hex("02 fe"));
  CHECK_CODE(read_after_wait(*unknown.connection, into), alert);
}

TEST(malformed_control_records_are_refused_with_the_fitting_alert) {
  check_refused(ContentType::alert, hex("01"), AlertDescription::decode_error);
  check_refused(ContentType::alert, hex("01 00 00"), AlertDescription::decode_error);
  // KeyUpdate: unknown request, too short, too long, not at the end of its record.
  check_refused(ContentType::handshake, hex("18 000001 02"), AlertDescription::illegal_parameter);
  check_refused(ContentType::handshake, hex("18 000000"), AlertDescription::decode_error);
  check_refused(ContentType::handshake, hex("18 000002 0000"), AlertDescription::decode_error);
  check_refused(ContentType::handshake, hex("18 000001 00 18 000001 00"),
                AlertDescription::unexpected_message);
  check_refused(ContentType::handshake, hex("18 000001 00 04"), AlertDescription::unexpected_message);
  // ClientHello (renegotiation), CertificateRequest (post-handshake authentication was not offered),
  // Finished.
  check_refused(ContentType::handshake, hex("01 000000"), AlertDescription::unexpected_message);
  check_refused(ContentType::handshake, hex("0d 000000"), AlertDescription::unexpected_message);
  check_refused(ContentType::handshake, hex("14 000000"), AlertDescription::unexpected_message);
  // Longer than any message that may come.
  check_refused(ContentType::handshake, hex("04 ffffff"), AlertDescription::decode_error);
  check_refused(ContentType::handshake, hex("04 00fffd"), AlertDescription::decode_error);
}

TEST(bad_records_are_told_to_the_peer) {
  Faced mac = faced(kSuite, kUser);
  Buffer record = mac.forge.record(ContentType::application_data, bytes("x"));
  record.back() ^= 1;
  send_raw(mac.peer.get(), record);
  check_refused(mac, Code::bad_record_mac, AlertDescription::bad_record_mac);
  Faced overflow = faced(kSuite, kUser);
  send_raw(overflow.peer.get(), hex("17 03 03 ff ff"));
  check_refused(overflow, Code::bad_record, AlertDescription::record_overflow);
}

TEST(application_data_inside_a_handshake_message_is_unexpected) {
  Faced f = faced(kSuite, kUser);
  Buffer ticket = handshake_message(4, 100);
  f.send(ContentType::handshake, Bytes(ticket).first(50));
  f.send(ContentType::application_data, bytes("x"));
  check_refused(f, Code::bad_record, AlertDescription::unexpected_message);
}

TEST(tickets_arrive_whole_whether_they_share_records_or_span_them) {
  for (size_t room : {size_t{1}, size_t{65536}}) {
    Faced f = faced(kSuite, kUser);
    std::vector<Buffer> seen;
    f.connection->on_ticket = [&](Bytes message) { seen.emplace_back(message.begin(), message.end()); };
    const Buffer first = handshake_message(4, 10), second = handshake_message(4, 40'000),
                 empty = handshake_message(4, 0);
    Buffer all = first;
    all.insert(all.end(), second.begin(), second.end());
    all.insert(all.end(), empty.begin(), empty.end());
    for (size_t at = 0; at < all.size(); at += 9'999) {
      f.send(ContentType::handshake, Bytes(all).subspan(at, std::min<size_t>(9'999, all.size() - at)));
    }
    f.send(ContentType::application_data, bytes("x"));
    Buffer into(room);
    CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{1});
    CHECK(seen == std::vector<Buffer>({first, second, empty}));
  }
}

TEST(what_follows_a_ticket_is_not_read_before_its_hearer_has_returned) {
  Faced f = faced(kSuite, kUser);
  bool told = false;
  f.connection->on_ticket = [&](Bytes) { told = true; };
  f.send(ContentType::handshake, handshake_message(4, 200));
  f.send(ContentType::application_data, bytes("x"));
  wait_readable(f.connection->fd());
  Buffer into(65536);
  CHECK_EQ(f.connection->read(into).value(), size_t{0});
  CHECK(told);
  CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{1});
}

TEST(tickets_that_nobody_wants_are_dropped) {
  Faced f = faced(kSuite, kUser);
  f.send(ContentType::handshake, handshake_message(4, 200));
  f.send(ContentType::application_data, bytes("x"));
  Buffer into(65536);
  CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{1});
}

// RFC 8446, 4.6.1: only servers send them. Of an end that does not know which one it is, both may be true.
TEST(a_server_refuses_tickets) {
  Faced f = faced(kSuite, {.kernel = KernelPolicy::off, .role = Role::server});
  f.connection->on_ticket = [](Bytes) { CHECK(false); };
  f.send(ContentType::handshake, handshake_message(4, 200));
  check_refused(f, Code::bad_record, AlertDescription::unexpected_message);
}

TEST(tickets_without_end_are_refused_however_they_are_packed) {
  for (Role role : {Role::client, Role::unknown}) {
    for (size_t in_a_record : {1, 1000}) {
      Faced f = faced(kSuite, {.kernel = KernelPolicy::off, .role = role});
      size_t seen = 0;
      f.connection->on_ticket = [&](Bytes) { ++seen; };
      Buffer messages;
      for (size_t i = 0; i < in_a_record; ++i) {
        const Buffer ticket = handshake_message(4, 0);
        messages.insert(messages.end(), ticket.begin(), ticket.end());
      }
      for (size_t sent = 0; sent < 33; sent += in_a_record) f.send(ContentType::handshake, messages);
      check_refused(f, Code::bad_record, AlertDescription::unexpected_message);
      CHECK_EQ(seen, size_t{32});
    }
  }
}

TEST(tickets_among_data_go_on_and_after_many_nobody_is_told_of_more) {
  Faced f = faced(kSuite, {.kernel = KernelPolicy::off, .role = Role::client});
  size_t seen = 0;
  f.connection->on_ticket = [&](Bytes) { ++seen; };
  Buffer messages;
  for (int i = 0; i < 32; ++i) {
    const Buffer ticket = handshake_message(4, 5);
    messages.insert(messages.end(), ticket.begin(), ticket.end());
  }
  Buffer into(65536);
  for (int i = 0; i < 40; ++i) {
    f.send(ContentType::handshake, messages);
    f.send(ContentType::application_data, bytes("x"));
    CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{1});
  }
  CHECK_EQ(seen, size_t{1000});
}

TEST(control_records_without_end_are_refused) {
  Faced f = faced(kSuite, kUser);
  std::thread sender([&] {
    for (int i = 0; i < 1001; ++i) send_raw(f.peer.get(), f.forge.record(ContentType::alert, hex("01 5a")));
  });
  Buffer into(65536);
  Code code = code_of(read_after_wait(*f.connection, into));
  sender.join();
  CHECK_EQ(code, Code::bad_record);
  check_alert(f, AlertDescription::unexpected_message);
}

TEST(a_key_update_is_followed_and_answered_before_the_next_data) {
  for (CipherSuite suite : kCipherSuites) {
    Faced f = faced(suite, kUser);
    Buffer into(65536);
    f.send(ContentType::handshake, KeyUpdateMessage(false).bytes);
    f.forge.update_key();
    // Two requests before the next write get one answer (RFC 8446, 4.6.3).
    for (int i = 0; i < 2; ++i) {
      f.send(ContentType::handshake, KeyUpdateMessage(true).bytes);
      f.forge.update_key();
    }
    f.send(ContentType::application_data, bytes("new key"));
    CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{7});
    CHECK_CODE(f.from_connection.read(into), would_block);
    CHECK_OK(f.connection->write(bytes("answer")));
    RecordReader::Received update = next_record(f.from_connection, f.peer.get(), into);
    CHECK(update.type == ContentType::handshake);
    CHECK(Buffer(update.control.begin(), update.control.end()) == Buffer({24, 0, 0, 1, 0}));
    CHECK_OK(f.from_connection.update_key());
    CHECK_EQ(next_record(f.from_connection, f.peer.get(), into).length, size_t{6});
    CHECK_CODE(f.from_connection.read(into), would_block);
  }
}

TEST(no_key_protects_more_records_than_its_limit) {
  Faced f = faced(kSuite, {.kernel = KernelPolicy::off, .max_records_per_key = 5});
  CHECK(!f.connection->key_nearly_spent());
  Buffer into(65536);
  std::vector<int> under_key = {0};
  for (int i = 0; i < 20; ++i) {
    CHECK_OK(f.connection->write(bytes("x")));
    for (;;) {
      RecordReader::Received got = next_record(f.from_connection, f.peer.get(), into);
      ++under_key.back();
      if (got.type == ContentType::application_data) break;
      CHECK_OK(f.from_connection.update_key());
      under_key.push_back(0);
    }
  }
  // Four of data and the KeyUpdate itself.
  CHECK(under_key == std::vector<int>({5, 5, 5, 5, 4}));
}

TEST(records_before_the_hand_over_count_among_those_of_the_key) {
  for (uint64_t sequence : {uint64_t{3}, kMaxRecordsPerKey, uint64_t{1} << 62}) {
    net::SocketPair pair = tcp_pair();
    const TrafficState tx = sample_state(kSuite, kSeedOfA, sequence);
    UserReader reader = user_reader(pair.second.get(), tx);
    Result<std::unique_ptr<Connection>> made =
        Connection::create(std::move(pair.first), tx, sample_state(kSuite, kSeedOfB),
                           {.kernel = KernelPolicy::off, .max_records_per_key = 5});
    CHECK_OK(made);
    std::vector<ContentType> types;
    Buffer into(65536);
    for (int i = 0; i < 2; ++i) {
      CHECK_OK((*made)->write(bytes("x")));
      do {
        types.push_back(next_record(reader, pair.second.get(), into).type);
        if (types.back() == ContentType::handshake) CHECK_OK(reader.update_key());
      } while (types.back() == ContentType::handshake);
    }
    // With three before there is room for one more, and the KeyUpdate.
    const size_t at = sequence == 3 ? 1 : 0;
    CHECK_EQ(types.size(), size_t{3});
    CHECK(types[at] == ContentType::handshake);
  }
}

TEST(key_updates_by_limit_go_unnoticed_in_bulk_and_both_ways) {
  const ConnectionOptions limited = {.kernel = KernelPolicy::off, .max_records_per_key = 7};
  Ends ends = connected(kSuite, limited, limited);
  Buffer there = pattern(2'000'000, 1), back = pattern(2'000'000, 2), got_there;
  std::thread other([&] { got_there = carry(*ends.a, *ends.b, there, 2'000'000, 100'000); });
  Buffer got_back = carry(*ends.b, *ends.a, back, 30'000, 100'000);
  other.join();
  CHECK(got_there == there);
  CHECK(got_back == back);
}

TEST(limits_out_of_range_are_brought_into_it) {
  for (uint64_t limit : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    const ConnectionOptions options = {.kernel = KernelPolicy::off, .max_records_per_key = limit};
    Ends ends = connected(kSuite, options, options);
    Buffer data = pattern(100'000);
    CHECK(carry(*ends.a, *ends.b, data, data.size(), 65536) == data);
  }
}

TEST(cancel_wakes_a_blocked_read_and_a_blocked_write) {
  Ends ends = connected(kSuite, kUser, kUser);
  std::shared_ptr<Cancel> cancel = cancel_flag();
  const Connection::Patience patience = {*cancel, kPatience};
  Status read, written, flushed;
  std::thread reader([&] {
    Buffer into(100);
    read = ends.a->read_some(into, patience).status();
  });
  std::thread writer([&] {
    Buffer data(64 << 20);
    written = ends.a->write_all(data, patience);
    flushed = ends.a->flush_all(patience);
  });
  usleep(50'000);
  cancel->set();
  reader.join();
  writer.join();
  CHECK_CODE(read, cancelled);
  CHECK_CODE(written, cancelled);
  CHECK_CODE(flushed, cancelled);
}

TEST(an_idle_peer_is_noticed_in_both_directions) {
  Ends ends = connected(kSuite, kUser, kUser);
  std::shared_ptr<Cancel> cancel = cancel_flag();
  const Connection::Patience patience = {*cancel, std::chrono::milliseconds(30)};
  Buffer into(100), data(64 << 20);
  CHECK_CODE(ends.a->read_some(into, patience), idle_timeout);
  CHECK_CODE(ends.a->write_all(data, patience), idle_timeout);
}

TEST(reading_into_nothing_reads_nothing) {
  Ends ends = connected(kSuite, kUser, kUser);
  CHECK_EQ(ends.a->read({}).value(), size_t{0});
  CHECK_EQ(ends.a->write({}).value(), size_t{0});
}

TEST(without_tls_bytes_files_and_pipes_cross_and_fin_is_the_end) {
  net::SocketPair pair = tcp_pair();
  Result<std::unique_ptr<Connection>> a = Connection::create_plain(std::move(pair.first));
  Result<std::unique_ptr<Connection>> b = Connection::create_plain(std::move(pair.second));
  CHECK_OK(a);
  CHECK_OK(b);
  CHECK((*a)->report().tx == Placement::none);
  CHECK((*a)->can_send_file());
  CHECK(!(*a)->key_nearly_spent());
  Buffer data = pattern(3'000'000);
  CHECK(carry(**b, **a, data, data.size(), 100'000) == data);

  const std::string content = "from a file";
  Fd file = file_of({reinterpret_cast<const uint8_t*>(content.data()), content.size()});
  off_t offset = 5;
  CHECK_EQ((*a)->send_file(file.get(), &offset, 6).value(), size_t{6});
  CHECK_EQ(offset, off_t{11});
  CHECK_EQ((*a)->send_file(file.get(), &offset, 6).value(), size_t{0});
  int pipe_fds[2];
  CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  Fd out(pipe_fds[0]), in(pipe_fds[1]);
  CHECK_EQ(write(in.get(), " and a pipe", 11), ssize_t{11});
  CHECK_EQ((*a)->splice_from(out.get(), 11, true).value(), size_t{11});
  CHECK_OK((*a)->flush());
  std::string seen;
  Buffer into(100);
  while (seen.size() < 17) {
    Result<size_t> got = read_after_wait(**b, into);
    CHECK_OK(got);
    seen.append(into.begin(), into.begin() + static_cast<ptrdiff_t>(*got));
  }
  CHECK_EQ(seen, std::string("a file and a pipe"));
  CHECK_OK((*a)->close_notify());
  CHECK_CODE(read_after_wait(**b, into), end_of_stream);
  CHECK_CODE((*b)->read(into), end_of_stream);
}

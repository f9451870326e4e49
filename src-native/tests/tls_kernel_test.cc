// The kernel's record layer against our own and against itself. Fails where the kernel has no TLS.
#include <fcntl.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/tls_kernel_support.h"
#include "tls/handshake_message.h"
#include "tls/kernel_reader.h"
#include "tls/kernel_socket.h"
#include "tls/kernel_writer.h"
#include "tls/probe.h"

using namespace ktls;
using namespace ktls::test;
using namespace ktls::tls;

namespace {

struct Pairing {
  const ConnectionOptions& a;
  const ConnectionOptions& b;
};
const Pairing kPairings[] = {{kKernel, kUser}, {kUser, kKernel}, {kKernel, kKernel}};

}  // namespace

TEST(the_probe_finds_every_cipher_in_both_directions) {
  const ProbeReport& report = probe();
  CHECK(report.ulp);
  CHECK_EQ(report.ulp_reason, std::string());
  CHECK(report.openssl);
  CHECK_EQ(report.ciphers.size(), std::size(kCipherSuites));
  for (const ProbeCipher& cipher : report.ciphers) {
    CHECK_EQ(cipher.tls13.tx.reason, std::string());
    CHECK_EQ(cipher.tls13.rx.reason, std::string());
    CHECK(cipher.tls13.tx.available && cipher.tls13.rx.available);
  }
}

TEST(the_report_says_kernel) {
  Ends ends = connected(CipherSuite::aes_128_gcm_sha256, kKernel, {.kernel = KernelPolicy::automatic});
  for (Connection* end : {ends.a.get(), ends.b.get()}) {
    CHECK(end->report().tx == Placement::kernel);
    CHECK(end->report().rx == Placement::kernel);
    CHECK(!end->report().reason.empty());
    CHECK(end->can_send_file());
    CHECK_EQ(end->can_update_tx_key(), probe().rekey);
  }
}

TEST(every_cipher_carries_bytes_both_ways_between_kernel_and_user) {
  for (CipherSuite suite : kCipherSuites) {
    for (const Pairing& pairing : kPairings) {
      Ends ends = connected(suite, pairing.a, pairing.b);
      Buffer data = pattern(3'000'001);
      CHECK(carry(*ends.a, *ends.b, data, data.size(), 1 << 18) == data);
      CHECK(carry(*ends.b, *ends.a, data, data.size(), 1 << 18) == data);
    }
  }
}

TEST(every_cipher_carries_bytes_one_at_a_time) {
  for (CipherSuite suite : kCipherSuites) {
    for (const Pairing& pairing : kPairings) {
      Ends ends = connected(suite, pairing.a, pairing.b);
      Buffer data = pattern(500);
      CHECK(carry(*ends.a, *ends.b, data, 1, 1) == data);
    }
  }
}

TEST(a_sequence_number_that_is_not_zero_is_honoured) {
  for (CipherSuite suite : kCipherSuites) {
    for (uint64_t sequence : {uint64_t{3}, uint64_t{0x01020304}}) {
      net::SocketPair pair = tcp_pair();
      const TrafficState state = sample_state(suite, 1, sequence);
      CHECK_OK(attach_ulp(pair.first.get()));
      CHECK_OK(install_key(pair.first.get(), KernelDirection::tx, state));
      KernelWriter writer(pair.first.get(), state, false);
      UserReader reader = user_reader(pair.second.get(), state);
      CHECK_EQ(writer.sequence().value(), sequence);
      CHECK_OK(writer.write(bytes("hello")));
      CHECK_EQ(writer.sequence().value(), sequence + 1);
      CHECK_EQ(writer.records_under_key(), sequence + 1);
      Buffer into(65536);
      CHECK_EQ(next_record(reader, pair.second.get(), into).length, size_t{5});
    }
  }
}

TEST(sendfile_carries_a_file_and_short_counts_of_it) {
  Buffer data = pattern(1'234'567);
  Fd file = file_of(data);
  for (size_t chunk : {size_t{1'234'567}, size_t{65536}, size_t{10'001}}) {
    for (const ConnectionOptions* other : {&kUser, &kKernel}) {
      Ends ends = connected(CipherSuite::aes_128_gcm_sha256, kKernel, *other);
      off_t offset = 0;
      Buffer all = carry_by(*ends.a, *ends.b, data.size(), [&](size_t sent) {
        return ends.a->send_file(file.get(), &offset, std::min(chunk, data.size() - sent));
      });
      CHECK(all == data);
      CHECK_EQ(offset, static_cast<off_t>(data.size()));
    }
  }
}

// A file that shrank: what was there must not wait in an open record.
TEST(sendfile_beyond_the_end_of_a_file_is_sent_by_flush) {
  Buffer data = pattern(20'000);
  Fd file = file_of(data);
  Ends ends = connected(CipherSuite::aes_128_gcm_sha256, kKernel, kUser);
  off_t offset = 0;
  size_t sent = 0;
  for (;;) {
    Result<size_t> moved = ends.a->send_file(file.get(), &offset, 100'000);
    CHECK_OK(moved);
    if (*moved == 0) break;
    sent += *moved;
  }
  CHECK_EQ(sent, data.size());
  CHECK_OK(ends.a->flush());
  CHECK(read_exactly(*ends.b, data.size()) == data);
}

TEST(splice_carries_what_a_pipe_holds_and_flush_ends_what_more_left_open) {
  for (bool more : {false, true}) {
    Ends ends = connected(CipherSuite::aes_128_gcm_sha256, kKernel, kUser);
    int pipe_fds[2];
    CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
    Fd out(pipe_fds[0]), in(pipe_fds[1]);
    Buffer all_in, all_out;
    for (size_t length : {size_t{40'000}, size_t{1}, size_t{16'384}, size_t{3'000}}) {
      Buffer data = pattern(length, static_cast<uint32_t>(length));
      CHECK_EQ(write(in.get(), data.data(), length), static_cast<ssize_t>(length));
      for (size_t left = length; left > 0;) {
        Result<size_t> moved = ends.a->splice_from(out.get(), left, more);
        CHECK_OK(moved);
        left -= *moved;
      }
      all_in.insert(all_in.end(), data.begin(), data.end());
    }
    CHECK_OK(ends.a->flush());
    CHECK(read_exactly(*ends.b, all_in.size()) == all_in);
  }
}

TEST(what_more_left_open_is_not_lost_before_close_notify) {
  Ends ends = connected(CipherSuite::aes_128_gcm_sha256, kKernel, kUser);
  int pipe_fds[2];
  CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  Fd out(pipe_fds[0]), in(pipe_fds[1]);
  CHECK_EQ(write(in.get(), "tail", 4), ssize_t{4});
  CHECK_EQ(ends.a->splice_from(out.get(), 4, true).value(), size_t{4});
  CHECK_OK(ends.a->close_notify());
  ends.a.reset();
  Buffer into(100);
  CHECK_EQ(read_after_wait(*ends.b, into).value(), size_t{4});
  CHECK_CODE(read_after_wait(*ends.b, into), end_of_stream);
}

TEST(close_notify_ends_the_stream_and_its_absence_truncates_it) {
  for (const Pairing& pairing : kPairings) {
    for (bool properly : {true, false}) {
      Ends ends = connected(CipherSuite::aes_128_gcm_sha256, pairing.a, pairing.b);
      CHECK_OK(ends.a->write(bytes("bye")));
      if (properly) CHECK_OK(ends.a->close_notify());
      CHECK_OK(ends.a->flush());
      ends.a.reset();
      Buffer into(100);
      CHECK_EQ(read_after_wait(*ends.b, into).value(), size_t{3});
      if (properly) {
        CHECK_CODE(read_after_wait(*ends.b, into), end_of_stream);
      } else {
        CHECK_CODE(read_after_wait(*ends.b, into), truncated);
      }
    }
  }
}

TEST(a_record_cut_off_by_the_end_of_tcp_is_truncated) {
  Faced f = faced(CipherSuite::aes_128_gcm_sha256, kKernel);
  Buffer record = f.forge.record(ContentType::application_data, bytes("hello"));
  send_raw(f.peer.get(), Bytes(record).first(record.size() - 1));
  f.peer.reset();
  Buffer into(100);
  CHECK_CODE(read_after_wait(*f.connection, into), truncated);
}

TEST(a_ticket_is_handed_over_whole_whatever_the_room) {
  for (size_t room : {size_t{1}, size_t{100'000}}) {
    Faced f = faced(CipherSuite::aes_128_gcm_sha256, kKernel);
    Buffer ticket = pattern(16'004);
    ticket[0] = 4;
    ticket[1] = 0;
    ticket[2] = static_cast<uint8_t>(16'000 >> 8);
    ticket[3] = static_cast<uint8_t>(16'000 & 255);
    Buffer seen;
    f.connection->on_ticket = [&](Bytes message) { seen.assign(message.begin(), message.end()); };
    f.send(ContentType::application_data, bytes("a"));
    f.send(ContentType::handshake, ticket);
    f.send(ContentType::application_data, bytes("b"));
    Buffer into(room);
    CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{1});
    CHECK_EQ(into[0], uint8_t{'a'});
    CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{1});
    CHECK_EQ(into[0], uint8_t{'b'});
    CHECK(seen == ticket);
  }
}

TEST(an_empty_record_before_a_control_record_is_no_end) {
  for (size_t room : {size_t{1}, size_t{100'000}}) {
    for (size_t empty : {size_t{1}, size_t{5}}) {
      Faced f = faced(CipherSuite::aes_128_gcm_sha256, kKernel);
      size_t tickets = 0;
      f.connection->on_ticket = [&](Bytes) { ++tickets; };
      // In one piece, or the kernel would pass over the empty one by itself.
      Buffer all;
      const auto add = [&](ContentType type, Bytes content) {
        const Buffer record = f.forge.record(type, content);
        all.insert(all.end(), record.begin(), record.end());
      };
      for (ContentType type : {ContentType::handshake, ContentType::application_data, ContentType::alert}) {
        for (size_t i = 0; i < empty; ++i) add(ContentType::application_data, {});
        if (type == ContentType::handshake) add(type, hex("04 000002 0102"));
        if (type == ContentType::application_data) add(type, bytes("x"));
        if (type == ContentType::alert) add(type, hex("01 00"));
      }
      send_raw(f.peer.get(), all);
      Buffer into(room);
      CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{1});
      CHECK_EQ(tickets, size_t{1});
      CHECK_CODE(read_after_wait(*f.connection, into), end_of_stream);
    }
  }
}

TEST(an_end_behind_an_empty_record_is_truncated) {
  Faced f = faced(CipherSuite::aes_128_gcm_sha256, kKernel);
  f.send(ContentType::application_data, {});
  f.peer.reset();
  Buffer into(100);
  CHECK_CODE(read_after_wait(*f.connection, into), truncated);
}

TEST(an_empty_control_record_is_refused) {
  for (ContentType type : {ContentType::handshake, ContentType::alert}) {
    Faced f = faced(CipherSuite::aes_128_gcm_sha256, kKernel);
    f.send(type, {});
    Buffer into(65536);
    CHECK_CODE(read_after_wait(*f.connection, into), bad_record);
    check_alert(f, AlertDescription::unexpected_message);
  }
}

TEST(bad_records_are_refused_with_the_fitting_alert) {
  struct Case {
    Buffer raw;
    Code code;
    AlertDescription alert;
  };
  Buffer changed = RecordForge(sample_state(CipherSuite::aes_128_gcm_sha256, kSeedOfB))
                       .record(ContentType::application_data, bytes("hello"));
  changed.back() ^= 1;
  const Case cases[] = {
      {changed, Code::bad_record_mac, AlertDescription::bad_record_mac},
      // The kernel looks at the length, not at the outer type.
      {hex("14 03 03 00 01 01"), Code::bad_record_mac, AlertDescription::bad_record_mac},
      {hex("47 45 54 20 2f 20"), Code::bad_record, AlertDescription::unexpected_message},
      {hex("17 03 03 ff ff 00"), Code::bad_record, AlertDescription::record_overflow},
  };
  for (const Case& c : cases) {
    Faced f = faced(CipherSuite::aes_128_gcm_sha256, kKernel);
    send_raw(f.peer.get(), c.raw);
    Buffer into(65536);
    CHECK_EQ(code_of(read_after_wait(*f.connection, into)), c.code);
    CHECK_EQ(code_of(f.connection->read(into)), c.code);
    CHECK_EQ(code_of(f.connection->write(bytes("x"))), c.code);
    check_alert(f, c.alert);
  }
}

TEST(a_key_update_of_the_peer_is_followed_or_refused_by_name) {
  for (bool request : {false, true}) {
    Faced f = faced(CipherSuite::aes_128_gcm_sha256, kKernel);
    f.send(ContentType::handshake, KeyUpdateMessage(request).bytes);
    f.forge.update_key();
    Buffer into(65536);
    if (!f.connection->can_update_rx_key()) {
      f.send(ContentType::application_data, bytes("new key"));
      CHECK_CODE(read_after_wait(*f.connection, into), key_update_unsupported);
      check_alert(f, AlertDescription::internal_error);
      continue;
    }
    f.send(ContentType::application_data, bytes("new key"));
    CHECK_EQ(read_after_wait(*f.connection, into).value(), size_t{7});
    CHECK_OK(f.connection->write(bytes("answer")));
    RecordReader::Received got = next_record(f.from_connection, f.peer.get(), into);
    if (request) {
      CHECK(got.type == ContentType::handshake);
      CHECK_OK(f.from_connection.update_key());
      got = next_record(f.from_connection, f.peer.get(), into);
    }
    CHECK_EQ(got.length, size_t{6});
  }
}

// A kernel that cannot change keys, and is asked to all the same.
TEST(nothing_is_sent_under_the_old_key_once_the_peer_was_told_of_a_new_one) {
  if (probe().rekey) return;
  net::SocketPair pair = tcp_pair();
  const TrafficState state = sample_state(CipherSuite::aes_128_gcm_sha256);
  CHECK_OK(attach_ulp(pair.first.get()));
  CHECK_OK(install_key(pair.first.get(), KernelDirection::tx, state));
  KernelWriter writer(pair.first.get(), state, true);
  UserReader reader = user_reader(pair.second.get(), state);
  CHECK_CODE(writer.update_key(false), system);
  Fd file = file_of(bytes("from a file"));
  off_t offset = 0;
  CHECK_CODE(writer.write(bytes("x")), system);
  CHECK_CODE(writer.write_control(ContentType::alert, hex("01 00")), system);
  CHECK_CODE(writer.send_file(file.get(), &offset, 4), system);
  CHECK_CODE(writer.update_key(false), system);
  Buffer into(65536);
  CHECK(next_record(reader, pair.second.get(), into).type == ContentType::handshake);
  CHECK_OK(reader.update_key());
  CHECK_CODE(reader.read(into), would_block);
}

TEST(a_key_is_not_used_beyond_its_limit) {
  ConnectionOptions limited = kKernel;
  limited.max_records_per_key = 64;
  Ends ends = connected(CipherSuite::aes_128_gcm_sha256, limited, kUser);
  Buffer into(65536);
  bool warned = false;
  int written = 0;
  for (; written < 200; ++written) {
    warned = ends.a->key_nearly_spent();
    Result<size_t> accepted = ends.a->write(bytes("x"));
    if (accepted.is(Code::limit)) break;
    CHECK_OK(accepted);
    CHECK_EQ(read_after_wait(*ends.b, into).value(), size_t{1});
  }
  if (ends.a->can_update_tx_key()) {
    CHECK_EQ(written, 200);
    CHECK(!warned);
    return;
  }
  // One is kept for close_notify.
  CHECK_EQ(written, 63);
  CHECK(warned);
  CHECK_OK(ends.a->close_notify());
  CHECK_CODE(read_after_wait(*ends.b, into), end_of_stream);
}

TEST(writing_more_than_the_socket_takes_would_block_and_loses_nothing) {
  net::SocketPair pair = tcp_pair();
  const int size = 65536;
  CHECK_EQ(setsockopt(pair.first.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  Ends ends = {
      connection(std::move(pair.first), CipherSuite::aes_128_gcm_sha256, kSeedOfA, kSeedOfB, kKernel),
      connection(std::move(pair.second), CipherSuite::aes_128_gcm_sha256, kSeedOfB, kSeedOfA, kKernel)};
  Buffer data = pattern(4'000'000);
  size_t sent = 0;
  for (;;) {
    Result<size_t> accepted = ends.a->write(Bytes(data).subspan(sent));
    if (accepted.is(Code::would_block)) break;
    CHECK_OK(accepted);
    sent += *accepted;
    CHECK(sent < data.size());
  }
  CHECK(carry(*ends.a, *ends.b, Bytes(data).subspan(sent), data.size(), 1 << 18) == data);
}

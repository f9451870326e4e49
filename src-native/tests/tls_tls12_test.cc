// TLS 1.2: every bit of a record counts, nonces never come twice, and a renegotiation is refused by a warning
// after which both go on (RFC 5246; RFC 5288; RFC 7905).
#include <string.h>

#include <set>
#include <string>

#include "tests/check.h"
#include "tests/tls_connection_support.h"
#include "tests/tls_support.h"

using namespace ktls;
using namespace ktls::test;
using namespace ktls::tls;

namespace {

constexpr uint8_t kHelloRequest[] = {0, 0, 0, 0};
constexpr uint8_t kClientHello[] = {1, 0, 0, 2, 3, 3};

TrafficState tls12_state(CipherSuite suite, uint8_t seed = 1) {
  TrafficState state = sample_state(suite, seed, 1);
  state.version = ProtocolVersion::tls12;
  return state;
}

struct Faced12 {
  explicit Faced12(CipherSuite suite, const ConnectionOptions& options = {.kernel = KernelPolicy::off})
      : Faced12(suite, options, tcp_pair()) {}
  Faced12(CipherSuite suite, const ConnectionOptions& options, net::SocketPair pair)
      : peer(std::move(pair.second)),
        to_connection(tls12_state(suite, 2)),
        from_connection(user_reader(peer.get(), tls12_state(suite, 1))) {
    Result<std::unique_ptr<Connection>> made =
        Connection::create(std::move(pair.first), tls12_state(suite, 1), tls12_state(suite, 2), options);
    CHECK_OK(made);
    connection = std::move(*made);
  }

  Fd peer;
  RecordForge to_connection;
  UserReader from_connection;
  std::unique_ptr<Connection> connection;
};

}  // namespace

TEST(every_changed_bit_of_a_record_is_noticed) {
  for (CipherSuite suite : kCipherSuites) {
    RecordForge forge(tls12_state(suite));
    const Buffer record = forge.record(ContentType::application_data, bytes("good"));
    // Not of the length: a longer record is waited for.
    for (size_t bit = 0; bit < record.size() * 8; ++bit) {
      if (bit / 8 == 3 || bit / 8 == 4) continue;
      net::SocketPair pair = local_pair();
      UserReader reader = user_reader(pair.second.get(), tls12_state(suite));
      Buffer changed = record;
      changed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      send_raw(pair.first.get(), changed);
      Buffer into(65536);
      const Code code = code_of(reader.read(into));
      CHECK(code == Code::bad_record_mac || code == Code::bad_record);
    }
  }
}

TEST(the_explicit_nonce_counts_on_and_is_sent) {
  TrafficState state = tls12_state(CipherSuite::aes_128_gcm_sha256);
  memset(state.secret + 16 + 4, 0xff, 8);
  RecordForge forge(state);
  std::set<std::string> nonces;
  for (int i = 0; i < 300; ++i) {
    const Buffer record = forge.record(ContentType::application_data, bytes("x"));
    nonces.emplace(reinterpret_cast<const char*>(record.data()) + kHeaderLength, 8);
  }
  CHECK_EQ(nonces.size(), size_t{300});
  CHECK(nonces.count(std::string(8, '\xff')) == 1);
  CHECK(nonces.count(std::string(8, '\0')) == 1);
}

TEST(a_renegotiation_is_refused_by_a_warning_and_data_goes_on) {
  for (Bytes asked : {Bytes(kHelloRequest), Bytes(kClientHello)}) {
    Faced12 faced(CipherSuite::aes_128_gcm_sha256);
    send_raw(faced.peer.get(), faced.to_connection.record(ContentType::handshake, asked));
    send_raw(faced.peer.get(), faced.to_connection.record(ContentType::application_data, bytes("on")));
    Buffer into(65536);
    Result<size_t> got = read_after_wait(*faced.connection, into);
    CHECK_OK(got);
    CHECK_EQ(*got, size_t{2});
    RecordReader::Received told = next_record(faced.from_connection, faced.peer.get(), into);
    CHECK(told.type == ContentType::alert);
    CHECK_EQ(told.control[0], uint8_t{1});
    CHECK_EQ(told.control[1], uint8_t{100});
    CHECK_OK(faced.connection->write(bytes("answer")));
    CHECK_EQ(next_record(faced.from_connection, faced.peer.get(), into).length, size_t{6});
  }
}

TEST(a_renegotiation_is_refused_once_and_asked_for_too_often_ends_the_connection) {
  Faced12 faced(CipherSuite::aes_128_gcm_sha256);
  Buffer thrice;
  for (int i = 0; i < 3; ++i) thrice.insert(thrice.end(), std::begin(kHelloRequest), std::end(kHelloRequest));
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::handshake, thrice));
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::application_data, bytes("on")));
  Buffer into(65536);
  CHECK_EQ(read_after_wait(*faced.connection, into).value(), size_t{2});
  CHECK_EQ(next_record(faced.from_connection, faced.peer.get(), into).control[1], uint8_t{100});
  CHECK_CODE(faced.from_connection.read(into), would_block);
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::handshake, kHelloRequest));
  CHECK_CODE(read_after_wait(*faced.connection, into), bad_record);
  RecordReader::Received told = next_record(faced.from_connection, faced.peer.get(), into);
  CHECK(Buffer(told.control.begin(), told.control.end()) == Buffer({2, 10}));
  CHECK_CODE(faced.from_connection.read(into), would_block);
}

TEST(only_clients_are_asked_by_hello_request_and_only_servers_by_client_hello) {
  for (Role role : {Role::client, Role::server}) {
    const bool client = role == Role::client;
    const Bytes right = client ? Bytes(kHelloRequest) : Bytes(kClientHello);
    const Bytes wrong = client ? Bytes(kClientHello) : Bytes(kHelloRequest);
    Faced12 faced(CipherSuite::aes_128_gcm_sha256, {.kernel = KernelPolicy::off, .role = role});
    send_raw(faced.peer.get(), faced.to_connection.record(ContentType::handshake, right));
    send_raw(faced.peer.get(), faced.to_connection.record(ContentType::application_data, bytes("on")));
    Buffer into(65536);
    CHECK_EQ(read_after_wait(*faced.connection, into).value(), size_t{2});
    send_raw(faced.peer.get(), faced.to_connection.record(ContentType::handshake, wrong));
    CHECK_CODE(read_after_wait(*faced.connection, into), bad_record);
  }
}

// Five records: Finished, two of data, the refusal, and what is kept for close_notify.
TEST(a_refusal_counts_among_the_records_of_its_key) {
  Faced12 faced(CipherSuite::aes_128_gcm_sha256, {.kernel = KernelPolicy::off, .max_records_per_key = 5});
  CHECK_OK(faced.connection->write(bytes("x")));
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::handshake, kHelloRequest));
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::application_data, bytes("on")));
  Buffer into(65536);
  CHECK_EQ(read_after_wait(*faced.connection, into).value(), size_t{2});
  CHECK_OK(faced.connection->write(bytes("x")));
  CHECK_CODE(faced.connection->write(bytes("x")), limit);
  CHECK_OK(faced.connection->close_notify());
}

TEST(with_a_key_that_is_spent_a_renegotiation_gets_no_answer) {
  Faced12 faced(CipherSuite::aes_128_gcm_sha256, {.kernel = KernelPolicy::off, .max_records_per_key = 3});
  CHECK_OK(faced.connection->write(bytes("x")));
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::handshake, kHelloRequest));
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::application_data, bytes("on")));
  Buffer into(65536);
  CHECK_EQ(read_after_wait(*faced.connection, into).value(), size_t{2});
  CHECK_OK(faced.connection->close_notify());
  CHECK_EQ(next_record(faced.from_connection, faced.peer.get(), into).length, size_t{1});
  CHECK_EQ(next_record(faced.from_connection, faced.peer.get(), into).control[1], uint8_t{0});
}

TEST(a_warning_is_passed_over_and_other_messages_end_the_connection) {
  Faced12 faced(CipherSuite::chacha20_poly1305_sha256);
  const uint8_t warning[] = {1, 100};
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::alert, warning));
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::application_data, bytes("on")));
  Buffer into(65536);
  Result<size_t> got = read_after_wait(*faced.connection, into);
  CHECK_OK(got);
  CHECK_EQ(*got, size_t{2});
  const uint8_t key_update[] = {24, 0, 0, 1, 0};
  send_raw(faced.peer.get(), faced.to_connection.record(ContentType::handshake, key_update));
  CHECK_EQ(code_of(read_after_wait(*faced.connection, into)), Code::bad_record);
}

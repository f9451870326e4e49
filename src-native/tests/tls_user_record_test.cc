// Our own record layer when both ends keep the rules: writer against reader, and against RFC 8448.
#include <algorithm>

#include "tests/check.h"
#include "tests/tls_support.h"
#include "tls/handshake_message.h"

using namespace ktls;
using namespace ktls::test;
using namespace ktls::tls;

namespace {

// Appends what a reader gives, checked to be application data, until it would block.
void drain(RecordReader& reader, size_t room, Buffer& all) {
  Buffer into(room);
  for (;;) {
    Result<RecordReader::Received> got = reader.read(into);
    if (got.is(Code::would_block)) return;
    CHECK_OK(got);
    CHECK(got->type == ContentType::application_data);
    CHECK(got->length > 0 && got->length <= room);
    all.insert(all.end(), into.begin(), into.begin() + static_cast<ptrdiff_t>(got->length));
  }
}

// From one end to the other on one thread, the writer given `piece` bytes at a time. What is sent over TCP
// may take its time to arrive.
Buffer transport(RecordWriter& writer, RecordReader& reader, Bytes data, size_t piece, size_t room) {
  const size_t length = data.size();
  Buffer all;
  while (!data.empty()) {
    Result<size_t> accepted = writer.write(data.first(std::min(piece, data.size())));
    if (accepted.is(Code::would_block)) {
      drain(reader, room, all);
      continue;
    }
    CHECK_OK(accepted);
    CHECK(*accepted > 0);
    data = data.subspan(*accepted);
  }
  while (writer.flush().is(Code::would_block) || all.size() < length) drain(reader, room, all);
  return all;
}

TrafficState rfc_8448(std::string_view secret, uint64_t sequence) {
  TrafficState state = {CipherSuite::aes_128_gcm_sha256, {}, sequence};
  Buffer raw = hex(secret);
  std::copy(raw.begin(), raw.end(), state.secret);
  return state;
}

constexpr const char* kClientSecret = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
constexpr const char* kClientRecord =
    "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 "
    "19 "
    "a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 "
    "49 "
    "15 e4";
constexpr const char* kServerSecret = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
constexpr const char* kServerRecord =
    "17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36 e3 0e "
    "fa "
    "f9 7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 "
    "c2 "
    "95 5d";

Buffer rfc_8448_content() {
  Buffer content(50);
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<uint8_t>(i);
  return content;
}

}  // namespace

TEST(the_record_of_rfc_8448_is_what_we_write) {
  net::SocketPair pair = local_pair();
  UserWriter writer = user_writer(pair.first.get(), rfc_8448(kClientSecret, 0));
  CHECK_OK(writer.write(rfc_8448_content()));
  Buffer raw(1000);
  raw.resize(static_cast<size_t>(recv(pair.second.get(), raw.data(), raw.size(), 0)));
  CHECK(raw == hex(kClientRecord));
}

// The server's first record was a ticket.
TEST(the_record_of_rfc_8448_is_understood_at_its_sequence_number) {
  net::SocketPair pair = local_pair();
  UserReader reader = user_reader(pair.second.get(), rfc_8448(kServerSecret, 1));
  send_raw(pair.first.get(), hex(kServerRecord));
  Buffer all;
  drain(reader, 65536, all);
  CHECK(all == rfc_8448_content());
}

TEST(every_cipher_carries_bytes_in_bulk) {
  for (CipherSuite suite : kCipherSuites) {
    net::SocketPair pair = tcp_pair();
    UserWriter writer = user_writer(pair.first.get(), sample_state(suite));
    UserReader reader = user_reader(pair.second.get(), sample_state(suite));
    Buffer data = pattern(5'000'003);
    CHECK(transport(writer, reader, data, data.size(), 1 << 20) == data);
  }
}

TEST(every_cipher_carries_bytes_one_at_a_time) {
  for (CipherSuite suite : kCipherSuites) {
    net::SocketPair pair = local_pair();
    UserWriter writer = user_writer(pair.first.get(), sample_state(suite));
    UserReader reader = user_reader(pair.second.get(), sample_state(suite));
    Buffer data = pattern(3000);
    CHECK(transport(writer, reader, data, 1, 1) == data);
    CHECK_EQ(writer.records_under_key(), uint64_t{3000});
  }
}

TEST(lengths_around_a_record_and_rooms_around_it_give_the_same_bytes) {
  for (size_t length : {size_t{1}, kMaxPlaintext - 1, kMaxPlaintext, kMaxPlaintext + 1, 3 * kMaxPlaintext}) {
    for (size_t room : {size_t{1000}, kMaxPlaintext - 1, kMaxPlaintext, kMaxPlaintext + 1, 2 * kMaxPlaintext,
                        4 * kMaxPlaintext}) {
      net::SocketPair pair = local_pair();
      UserWriter writer = user_writer(pair.first.get(), sample_state(CipherSuite::aes_128_gcm_sha256));
      UserReader reader = user_reader(pair.second.get(), sample_state(CipherSuite::aes_128_gcm_sha256));
      Buffer data = pattern(length);
      CHECK(transport(writer, reader, data, length, room) == data);
    }
  }
}

// They share the buffers that are empty: what one still has to give out is nobody else's.
TEST(readers_on_one_thread_do_not_take_each_others_bytes) {
  const tls::TrafficState state = sample_state(CipherSuite::aes_128_gcm_sha256);
  net::SocketPair ours = local_pair();
  net::SocketPair others = local_pair();
  UserReader reader = user_reader(ours.second.get(), state);
  UserReader other = user_reader(others.second.get(), state);
  RecordForge forge(state);
  RecordForge other_forge(state);
  uint8_t small[1];
  Buffer large(kMaxPlaintext);
  const auto read_other = [&] {
    send_raw(others.first.get(), other_forge.record(ContentType::application_data, Buffer(5000, 0xee)));
    Result<RecordReader::Received> received = other.read(large);
    CHECK_OK(received);
    CHECK_EQ(received->length, size_t{5000});
  };

  const Buffer message = pattern(3000);
  send_raw(ours.first.get(), forge.record(ContentType::handshake, message));
  Result<RecordReader::Received> control = reader.read(small);
  CHECK_OK(control);
  read_other();
  CHECK(Buffer(control->control.begin(), control->control.end()) == message);

  const Buffer data = pattern(2000);
  send_raw(ours.first.get(), forge.record(ContentType::application_data, data));
  Buffer all;
  while (all.size() < data.size()) {
    Result<RecordReader::Received> received = reader.read(small);
    CHECK_OK(received);
    all.insert(all.end(), small, small + received->length);
    if (all.size() == 1) read_other();
  }
  CHECK(all == data);
}

TEST(the_smallest_buffers_work) {
  net::SocketPair pair = local_pair();
  UserWriter writer = user_writer(pair.first.get(), sample_state(CipherSuite::aes_256_gcm_sha384), 0);
  UserReader reader = user_reader(pair.second.get(), sample_state(CipherSuite::aes_256_gcm_sha384), 0);
  Buffer data = pattern(1'000'000);
  CHECK(transport(writer, reader, data, data.size(), 100'000) == data);
}

TEST(partial_sends_through_a_tiny_socket_buffer_lose_nothing) {
  net::SocketPair pair = local_pair();
  shrink_buffers(pair);
  UserWriter writer = user_writer(pair.first.get(), sample_state(CipherSuite::chacha20_poly1305_sha256));
  UserReader reader = user_reader(pair.second.get(), sample_state(CipherSuite::chacha20_poly1305_sha256));
  Buffer data = pattern(700'001);
  CHECK_CODE(writer.write(data), ok);
  CHECK_CODE(writer.flush(), would_block);
  CHECK_CODE(writer.write(data), would_block);
  Buffer all;
  while (writer.flush().is(Code::would_block)) drain(reader, 5000, all);
  drain(reader, 5000, all);
  const size_t accepted = all.size();
  CHECK(accepted > 0 && accepted < data.size());
  Buffer rest = transport(writer, reader, Bytes(data).subspan(accepted), data.size(), 5000);
  all.insert(all.end(), rest.begin(), rest.end());
  CHECK(all == data);
}

TEST(a_record_that_arrives_byte_by_byte_is_not_early) {
  const TrafficState state = sample_state(CipherSuite::aes_128_gcm_sha256);
  net::SocketPair pair = local_pair();
  UserReader reader = user_reader(pair.second.get(), state);
  Buffer record = RecordForge(state).record(ContentType::application_data, bytes("hello"));
  Buffer into(1000);
  for (size_t i = 0; i + 1 < record.size(); ++i) {
    send_raw(pair.first.get(), Bytes(record).subspan(i, 1));
    CHECK_CODE(reader.read(into), would_block);
    CHECK(!reader.has_buffered());
  }
  send_raw(pair.first.get(), Bytes(record).last(1));
  Result<RecordReader::Received> got = reader.read(into);
  CHECK_OK(got);
  CHECK_EQ(got->length, size_t{5});
}

TEST(padding_and_empty_records_vanish) {
  const TrafficState state = sample_state(CipherSuite::aes_128_gcm_sha256);
  net::SocketPair pair = local_pair();
  UserReader reader = user_reader(pair.second.get(), state);
  RecordForge forge(state);
  Buffer padded = hex("61 62 63 17");
  padded.resize(10000);  // zeros
  Buffer only_padding = hex("17");
  only_padding.resize(500);
  send_raw(pair.first.get(), forge.inner(padded));
  send_raw(pair.first.get(), forge.record(ContentType::application_data, {}));
  send_raw(pair.first.get(), forge.inner(only_padding));
  send_raw(pair.first.get(), forge.record(ContentType::application_data, bytes("def")));
  Buffer all;
  drain(reader, 65536, all);
  CHECK(all == Buffer({'a', 'b', 'c', 'd', 'e', 'f'}));
}

TEST(a_content_of_2_14_bytes_with_its_type_is_the_longest) {
  const TrafficState state = sample_state(CipherSuite::aes_128_gcm_sha256);
  net::SocketPair pair = local_pair();
  UserReader reader = user_reader(pair.second.get(), state);
  Buffer data = pattern(kMaxPlaintext);
  send_raw(pair.first.get(), RecordForge(state).record(ContentType::application_data, data));
  Buffer all;
  drain(reader, kMaxPlaintext, all);
  CHECK(all == data);
}

TEST(control_records_keep_their_place_and_are_not_mixed_with_data) {
  for (size_t room : {size_t{1}, size_t{3}, size_t{65536}}) {
    const TrafficState state = sample_state(CipherSuite::aes_128_gcm_sha256);
    net::SocketPair pair = local_pair();
    UserWriter writer = user_writer(pair.first.get(), state);
    UserReader reader = user_reader(pair.second.get(), state);
    CHECK_OK(writer.write(bytes("abc")));
    CHECK_OK(writer.write(bytes("def")));
    CHECK_OK(writer.write_control(ContentType::handshake, bytes("control")));
    CHECK_OK(writer.write(bytes("ghi")));
    CHECK_OK(writer.write_control(ContentType::alert, bytes("!!")));
    Buffer into(room);
    std::string seen;
    for (;;) {
      Result<RecordReader::Received> got = reader.read(into);
      if (got.is(Code::would_block)) break;
      CHECK_OK(got);
      if (got->type == ContentType::application_data) {
        seen.append(into.begin(), into.begin() + static_cast<ptrdiff_t>(got->length));
      } else {
        seen += '[';
        seen.append(got->control.begin(), got->control.end());
        seen += ']';
      }
    }
    CHECK_EQ(seen, std::string("abcdef[control]ghi[!!]"));
  }
}

TEST(a_control_record_waits_its_turn_behind_a_full_socket) {
  const TrafficState state = sample_state(CipherSuite::aes_128_gcm_sha256);
  net::SocketPair pair = local_pair();
  shrink_buffers(pair);
  UserWriter writer = user_writer(pair.first.get(), state);
  UserReader reader = user_reader(pair.second.get(), state);
  Buffer data = pattern(200'000);
  Result<size_t> accepted = writer.write(data);
  CHECK_OK(accepted);
  CHECK_CODE(writer.flush(), would_block);
  CHECK_OK(writer.write_control(ContentType::alert, bytes("!!")));
  size_t got_data = 0;
  Buffer into(65536);
  for (;;) {
    Result<RecordReader::Received> got = reader.read(into);
    if (got.is(Code::would_block)) {
      Status flushed = writer.flush();
      CHECK(flushed.ok() || flushed.is(Code::would_block));
      continue;
    }
    CHECK_OK(got);
    if (got->type == ContentType::alert) break;
    got_data += got->length;
  }
  CHECK_EQ(got_data, *accepted);
}

TEST(keys_change_in_the_middle_of_what_is_buffered) {
  for (CipherSuite suite : kCipherSuites) {
    const TrafficState state = sample_state(suite, 1, 9);
    net::SocketPair pair = local_pair();
    UserWriter writer = user_writer(pair.first.get(), state);
    UserReader reader = user_reader(pair.second.get(), state);
    Buffer into(65536);
    for (int round = 0; round < 4; ++round) {
      CHECK_OK(writer.write(bytes("before")));
      CHECK_OK(writer.update_key(round % 2 == 1));
      CHECK_EQ(writer.records_under_key(), uint64_t{0});
      CHECK_EQ(writer.sequence().value(), uint64_t{0});
      CHECK_OK(writer.write(bytes("after!")));
      CHECK_EQ(reader.read(into)->length, size_t{6});
      Result<RecordReader::Received> update = reader.read(into);
      CHECK_OK(update);
      CHECK(update->type == ContentType::handshake);
      CHECK(Buffer(update->control.begin(), update->control.end()) ==
            Buffer({24, 0, 0, 1, static_cast<uint8_t>(round % 2)}));
      CHECK_OK(reader.update_key());
      CHECK_EQ(reader.read(into)->length, size_t{6});
      CHECK_CODE(reader.read(into), would_block);
    }
  }
}

TEST(the_old_key_is_refused_after_a_key_update) {
  const TrafficState state = sample_state(CipherSuite::aes_128_gcm_sha256);
  net::SocketPair pair = local_pair();
  UserReader reader = user_reader(pair.second.get(), state);
  RecordForge forge(state);
  Buffer into(1000);
  send_raw(pair.first.get(), forge.record(ContentType::handshake, KeyUpdateMessage(false).bytes));
  CHECK_OK(reader.read(into));
  CHECK_OK(reader.update_key());
  send_raw(pair.first.get(), forge.record(ContentType::application_data, bytes("old key")));
  CHECK_CODE(reader.read(into), bad_record_mac);
}

TEST(zero_copy_is_refused_in_user_space) {
  net::SocketPair pair = local_pair();
  UserWriter writer = user_writer(pair.first.get(), sample_state(CipherSuite::aes_128_gcm_sha256));
  off_t offset = 0;
  CHECK(!writer.can_send_file());
  CHECK_CODE(writer.send_file(0, &offset, 1), unsupported);
  CHECK_CODE(writer.splice_from(0, 1, false), unsupported);
}

TEST(writing_to_a_peer_that_has_gone_is_an_error_and_no_signal) {
  net::SocketPair pair = local_pair();
  UserWriter writer = user_writer(pair.first.get(), sample_state(CipherSuite::aes_128_gcm_sha256));
  pair.second.reset();
  Result<size_t> written = writer.write(bytes("x"));
  CHECK_CODE(written, system);
  CHECK_EQ(written.status().error_number(), EPIPE);
}

TEST(no_sequence_number_comes_twice) {
  for (ProtocolVersion version : {ProtocolVersion::tls12, ProtocolVersion::tls13}) {
    TrafficState state = sample_state(CipherSuite::chacha20_poly1305_sha256, 1, UINT64_MAX - 1);
    state.version = version;
    auto seals = protection(state, Aead::Direction::seal);
    auto opens = protection(state, Aead::Direction::open);
    Buffer record(1 + seals->overhead()), into(100);
    CHECK_OK(seals->seal(ContentType::application_data, bytes("x"), record.data()));
    CHECK_OK(opens->open(record, into.data()));
    CHECK_CODE(seals->seal(ContentType::application_data, bytes("x"), record.data()), limit);
    CHECK_CODE(opens->open(record, into.data()), limit);
  }
}

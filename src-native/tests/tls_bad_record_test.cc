// Our own record layer against records that break RFC 8446, 5: each is refused for good, with the alert
// that the RFC names.
#include "tests/check.h"
#include "tests/tls_support.h"

using namespace ktls;
using namespace ktls::test;
using namespace ktls::tls;

namespace {

const TrafficState kState = sample_state(CipherSuite::aes_128_gcm_sha256);

// Good data, then `raw`: the data arrives, then the refusal, then the same refusal for ever.
void check_refused(Bytes raw, Code code, AlertDescription alert, RecordForge& forge, Bytes good) {
  for (size_t room : {size_t{1}, size_t{65536}}) {
    net::SocketPair pair = local_pair();
    UserReader reader = user_reader(pair.second.get(), kState);
    send_raw(pair.first.get(), good);
    send_raw(pair.first.get(), raw);
    Buffer into(room);
    for (size_t got_all = 0; got_all < 4;) {
      Result<RecordReader::Received> got = reader.read(into);
      CHECK_OK(got);
      got_all += got->length;
    }
    // Nothing more need come for it.
    CHECK(reader.has_buffered());
    for (int i = 0; i < 3; ++i) {
      CHECK_EQ(code_of(reader.read(into)), code);
      CHECK(reader.alert() == alert);
      CHECK(reader.has_buffered());
      // What comes later does not mend it.
      send_raw(pair.first.get(), forge.record(ContentType::application_data, bytes("late")));
    }
  }
}

// `make` gets a forge that has sealed one good record.
template <typename Make>
void check_refused(Make make, Code code, AlertDescription alert) {
  RecordForge forge(kState);
  const Buffer good = forge.record(ContentType::application_data, bytes("good"));
  const Buffer raw = make(forge);
  check_refused(raw, code, alert, forge, good);
}

Buffer header(uint8_t type, size_t length) {
  return {type, 3, 3, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
}

}  // namespace

TEST(every_changed_bit_of_a_record_is_noticed) {
  RecordForge forge(kState);
  const Buffer record = forge.record(ContentType::application_data, bytes("good"));
  for (size_t bit = 0; bit < record.size() * 8; ++bit) {
    net::SocketPair pair = local_pair();
    UserReader reader = user_reader(pair.second.get(), kState);
    Buffer changed = record;
    changed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    send_raw(pair.first.get(), changed);
    Buffer into(65536);
    // A longer length waits for bytes that never come.
    CHECK(!reader.read(into).ok());
  }
}

TEST(a_changed_tag_is_bad_record_mac_and_leaves_no_plaintext) {
  RecordForge forge(kState);
  Buffer record = forge.record(ContentType::application_data, bytes("secret"));
  record.back() ^= 1;
  net::SocketPair pair = local_pair();
  UserReader reader = user_reader(pair.second.get(), kState);
  send_raw(pair.first.get(), record);
  Buffer into(100, 0xee);
  CHECK_CODE(reader.read(into), bad_record_mac);
  CHECK(reader.alert() == AlertDescription::bad_record_mac);
  CHECK(std::string(into.begin(), into.end()).find("secret") == std::string::npos);
}

TEST(a_repeated_record_is_bad_record_mac) {
  check_refused(
      [](RecordForge&) { return RecordForge(kState).record(ContentType::application_data, bytes("good")); },
      Code::bad_record_mac, AlertDescription::bad_record_mac);
}

TEST(a_skipped_record_is_bad_record_mac) {
  check_refused(
      [](RecordForge& forge) {
        forge.record(ContentType::application_data, bytes("lost"));
        return forge.record(ContentType::application_data, bytes("next"));
      },
      Code::bad_record_mac, AlertDescription::bad_record_mac);
}

TEST(change_cipher_spec_after_the_handshake_is_unexpected) {
  check_refused([](RecordForge&) { return hex("14 03 03 00 01 01"); }, Code::bad_record,
                AlertDescription::unexpected_message);
}

TEST(unprotected_alerts_and_handshake_messages_are_unexpected) {
  for (const char* raw :
       {"15 03 03 00 02 01 00", "16 03 03 00 04 00 00 00 00", "00 00 00 00 00", "ff ff ff ff ff"}) {
    check_refused([raw](RecordForge&) { return hex(raw); }, Code::bad_record,
                  AlertDescription::unexpected_message);
  }
}

TEST(http_on_this_port_is_unexpected) {
  check_refused(
      [](RecordForge&) {
        return Buffer({'G', 'E', 'T', ' ', '/', ' '});
      },
      Code::bad_record, AlertDescription::unexpected_message);
}

TEST(a_length_beyond_the_limit_is_record_overflow_before_its_bytes_come) {
  for (size_t length :
       {kMaxPlaintext + 1 + kTagLength + 1, kMaxCiphertext, kMaxCiphertext + 1, size_t{65535}}) {
    check_refused([length](RecordForge&) { return header(23, length); }, Code::bad_record,
                  AlertDescription::record_overflow);
  }
}

TEST(an_inner_plaintext_of_more_than_2_14_bytes_and_type_is_record_overflow) {
  check_refused(
      [](RecordForge& forge) {
        Buffer inner(kMaxPlaintext + 2, 'x');
        inner.back() = 23;
        return forge.inner(inner);
      },
      Code::bad_record, AlertDescription::record_overflow);
}

TEST(a_fragment_without_room_for_type_and_tag_is_refused_before_it_comes) {
  for (size_t length : {size_t{0}, size_t{1}, size_t{16}}) {
    check_refused([length](RecordForge&) { return header(23, length); }, Code::bad_record,
                  AlertDescription::decode_error);
  }
}

TEST(an_inner_plaintext_of_zeros_is_unexpected) {
  for (size_t length : {size_t{1}, size_t{2}, size_t{17}, kMaxPlaintext + 1}) {
    check_refused([length](RecordForge& forge) { return forge.inner(Buffer(length)); }, Code::bad_record,
                  AlertDescription::unexpected_message);
  }
}

TEST(an_inner_content_type_that_may_not_come_is_unexpected) {
  for (uint8_t type : {1, 19, 20, 24, 255}) {
    check_refused(
        [type](RecordForge& forge) { return forge.record(static_cast<ContentType>(type), bytes("\1")); },
        Code::bad_record, AlertDescription::unexpected_message);
  }
}

TEST(empty_alerts_and_handshake_records_are_unexpected) {
  for (ContentType type : {ContentType::alert, ContentType::handshake}) {
    check_refused([type](RecordForge& forge) { return forge.record(type, {}); }, Code::bad_record,
                  AlertDescription::unexpected_message);
  }
}

TEST(a_thousand_empty_records_are_borne_and_one_more_is_not) {
  net::SocketPair pair = local_pair();
  UserReader reader = user_reader(pair.second.get(), kState);
  RecordForge forge(kState);
  Buffer into(65536);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1000; ++i) {
      send_raw(pair.first.get(), forge.record(ContentType::application_data, {}));
      CHECK_CODE(reader.read(into), would_block);
    }
    // Data starts the count anew.
    send_raw(pair.first.get(), forge.record(ContentType::application_data, bytes("x")));
    CHECK_OK(reader.read(into));
  }
  for (int i = 0; i < 1001; ++i) {
    send_raw(pair.first.get(), forge.record(ContentType::application_data, {}));
    if (i < 1000) CHECK_CODE(reader.read(into), would_block);
  }
  CHECK_CODE(reader.read(into), bad_record);
  CHECK(reader.alert() == AlertDescription::unexpected_message);
}

TEST(the_end_of_the_stream_inside_a_record_is_its_end) {
  RecordForge forge(kState);
  const Buffer record = forge.record(ContentType::application_data, bytes("good"));
  for (size_t length = 0; length < record.size(); ++length) {
    net::SocketPair pair = local_pair();
    UserReader reader = user_reader(pair.second.get(), kState);
    if (length > 0) send_raw(pair.first.get(), Bytes(record).first(length));
    pair.first.reset();
    Buffer into(65536);
    CHECK_CODE(reader.read(into), end_of_stream);
    CHECK_CODE(reader.read(into), end_of_stream);
  }
}

// The key schedule against the RFCs' own vectors.
#include "tls/key_schedule.h"

#include "tests/check.h"
#include "tests/tls_support.h"

using namespace ktls;
using namespace ktls::test;
using namespace ktls::tls;

TEST(hkdf_expand_gives_rfc_5869_case_1) {
  Buffer prk = hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  Buffer info = hex("f0f1f2f3f4f5f6f7f8f9");
  Buffer out(42);
  CHECK_OK(hkdf_expand(CipherSuite::aes_128_gcm_sha256, prk, info, out));
  CHECK(out == hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
}

TEST(hkdf_expand_gives_rfc_5869_case_3_without_info) {
  Buffer prk = hex("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
  Buffer out(42);
  CHECK_OK(hkdf_expand(CipherSuite::aes_128_gcm_sha256, prk, {}, out));
  CHECK(out == hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"));
}

TEST(hkdf_expand_refuses_more_than_255_blocks) {
  Buffer prk(32), out(255 * 32 + 1);
  CHECK_CODE(hkdf_expand(CipherSuite::aes_128_gcm_sha256, prk, {}, out), invalid_option);
}

// RFC 8448, 3: server_application_traffic_secret_0 of the simple 1-RTT handshake.
TEST(application_keys_are_those_of_rfc_8448) {
  TrafficState state = {CipherSuite::aes_128_gcm_sha256, {}, 0};
  Buffer secret = hex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
  std::copy(secret.begin(), secret.end(), state.secret);
  TrafficKeys keys;
  CHECK_OK(derive_keys(state, keys));
  CHECK(Buffer(keys.key, keys.key + 16) == hex("9f02283b6c9c07efc26bb9f2ac92e356"));
  CHECK(Buffer(keys.iv, keys.iv + 12) == hex("cf782b88dd83549aadf1e984"));
}

TEST(the_next_secret_differs_and_restarts_the_sequence) {
  for (CipherSuite suite : kCipherSuites) {
    TrafficState state = sample_state(suite, 1, 77);
    const TrafficState before = state;
    CHECK_OK(advance_secret(state));
    CHECK_EQ(state.sequence, uint64_t{0});
    Buffer expected(traits(suite).hash_length);
    CHECK_OK(hkdf_expand_label(suite, {before.secret, expected.size()}, "traffic upd", {}, expected));
    CHECK(std::equal(expected.begin(), expected.end(), state.secret));
    CHECK(!std::equal(expected.begin(), expected.end(), before.secret));
  }
}

TEST(cipher_names_are_the_rfcs) {
  CHECK(cipher_by_name("TLS_AES_128_GCM_SHA256") == CipherSuite::aes_128_gcm_sha256);
  CHECK(cipher_by_name("TLS_AES_256_GCM_SHA384") == CipherSuite::aes_256_gcm_sha384);
  CHECK(cipher_by_name("TLS_CHACHA20_POLY1305_SHA256") == CipherSuite::chacha20_poly1305_sha256);
  CHECK(!cipher_by_name("TLS_AES_128_CCM_SHA256"));
  CHECK(!cipher_by_name(""));
}

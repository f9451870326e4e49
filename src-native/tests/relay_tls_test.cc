// Relays with TLS ends whose record layer is in user space.
#include "tests/relay_tls_support.h"

namespace ktls::relay::test {

TEST(bytes_and_ends_pass_between_plain_and_user_space) { check_pairs({Kind::plain, Kind::user}); }

TEST(every_cipher_passes) {
  for (CipherSuite suite : tls::kCipherSuites)
    check_pair(Kind::user, Kind::user, Mode::automatic, suite, 400'000);
}

TEST(control_records_between_data_are_handled) { check_control_records(Kind::user); }

TEST(bad_end_of_a_tls_connection_is_a_reset_on_the_far_side) { check_bad_ends(Kind::user); }

TEST(sockmap_is_refused_on_tls) { check_sockmap_is_refused(Kind::user); }

// The far end changes its key often, and asks for the relay's to be changed too.
TEST(key_updates_are_followed) {
  for (Mode mode : kModesWithTls) {
    auto relays = engine();
    tls::ConnectionOptions often = {.kernel = KernelPolicy::off};
    often.max_records_per_key = 20;
    Leg left = leg(Kind::user, CipherSuite::aes_128_gcm_sha256, often);
    Leg right = leg(Kind::plain);
    Running running(*relays, in_mode(mode), std::move(left.near), std::move(right.near));
    const Buffer data = pattern(2'000'000);
    CHECK(carry(*left.far, *right.far, data, 5000, 1 << 16) == data);
    CHECK(carry(*right.far, *left.far, data, 5000, 1 << 16) == data);
    CHECK_OK(running.wait().status);
  }
}

TEST(reader_of_plaintext_that_stops_holds_the_tls_writer_back) {
  auto relays = engine();
  Leg left = leg(Kind::user);
  Leg right = leg(Kind::plain);
  const int writer = left.far->fd();
  Running running(*relays, in_mode(Mode::automatic), std::move(left.near), std::move(right.near));
  const Buffer junk = pattern(1 << 20);
  uint64_t sent = 0;
  pollfd writable{writer, POLLOUT, 0};
  while (poll(&writable, 1, 200) > 0 && sent < 256u << 20) {
    auto count = left.far->write(junk);
    if (count.ok()) sent += *count;
    (void)!left.far->flush().ok();
  }
  CHECK(sent < 64u << 20);
  CHECK(!running.has_ended());
}

}  // namespace ktls::relay::test

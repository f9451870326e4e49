// Relays with TLS ends whose record layer is the kernel's. Fails where the kernel has no TLS.
#include "tests/relay_tls_support.h"

namespace ktls::relay::test {

TEST(bytes_and_ends_pass_between_every_pair_of_ends) { check_pairs({Kind::plain, Kind::user, Kind::kernel}); }

TEST(every_cipher_passes) {
  for (CipherSuite suite : tls::kCipherSuites) {
    for (Mode mode : {Mode::copy, Mode::splice}) check_pair(Kind::kernel, Kind::kernel, mode, suite, 400'000);
  }
}

TEST(control_records_between_spliced_runs_are_handled) { check_control_records(Kind::kernel); }

TEST(bad_end_of_a_tls_connection_is_a_reset_on_the_far_side) { check_bad_ends(Kind::kernel); }

TEST(sockmap_is_refused_on_tls) { check_sockmap_is_refused(Kind::kernel); }

// The descriptor of a socket that already has its upper layer: the relay must not take it for plain.
TEST(sockmap_is_refused_on_a_raw_descriptor_with_tls) {
  ktls::test::Ends ends = ktls::test::connected(CipherSuite::aes_128_gcm_sha256, options_of(Kind::kernel),
                                                options_of(Kind::user));
  CHECK_CODE(check_sockmap_socket(ends.a->fd()), sockmap_unavailable);
  CHECK_OK(check_sockmap_socket(ends.b->fd()));
}

}  // namespace ktls::relay::test

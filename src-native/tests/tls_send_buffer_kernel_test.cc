// Send buffers below a segment: TCP then neither fills a segment nor makes room by itself.
#include <fstream>

#include "tests/check.h"
#include "tests/tls_kernel_support.h"

using namespace ktls;
using namespace ktls::test;

namespace {

constexpr int kTiny = 16 * 1024;

// The guest's, for the length of a test.
class SendBufferLimit {
 public:
  explicit SendBufferLimit(const std::string& limit) {
    std::getline(std::ifstream(kPath), before_);
    std::ofstream(kPath) << limit;
  }
  ~SendBufferLimit() { std::ofstream(kPath) << before_; }

 private:
  static constexpr char kPath[] = "/proc/sys/net/ipv4/tcp_wmem";
  std::string before_;
};

}  // namespace

TEST(a_send_buffer_that_the_system_keeps_tiny_is_widened) {
  SendBufferLimit limit("4096 16384 16384");
  Ends ends = connected(CipherSuite::aes_128_gcm_sha256, kKernel, kKernel);
  CHECK(buffer_size(ends.a->fd(), SO_SNDBUF) > 4 * kTiny);
  net::SocketPair pair = tcp_pair();
  Result<std::unique_ptr<Connection>> plain = Connection::create_plain(std::move(pair.first));
  CHECK_OK(plain);
  CHECK(buffer_size((*plain)->fd(), SO_SNDBUF) > 4 * kTiny);
}

TEST(any_other_send_buffer_is_left_to_autotuning) {
  net::SocketPair pair = tcp_pair();
  const int before = buffer_size(pair.first.get(), SO_SNDBUF);
  std::unique_ptr<Connection> made =
      connection(std::move(pair.first), CipherSuite::aes_128_gcm_sha256, kSeedOfA, kSeedOfB, kKernel);
  CHECK_EQ(buffer_size(made->fd(), SO_SNDBUF), before);
}

// Where net.core.wmem_max forbids more, or somebody chose the size.
TEST(sendfile_through_a_buffer_below_a_segment_comes_to_its_end) {
  net::SocketPair pair = tcp_pair();
  const int size = kTiny / 2;
  CHECK_EQ(setsockopt(pair.first.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  Ends ends = {
      connection(std::move(pair.first), CipherSuite::aes_128_gcm_sha256, kSeedOfA, kSeedOfB, kKernel),
      connection(std::move(pair.second), CipherSuite::aes_128_gcm_sha256, kSeedOfB, kSeedOfA, kKernel)};
  CHECK_EQ(buffer_size(ends.a->fd(), SO_SNDBUF), kTiny);
  const Buffer content = pattern(1'000'000);
  const Fd file = file_of(content);
  off_t offset = 0;
  Buffer arrived = carry_by(*ends.a, *ends.b, content.size(), [&](size_t sent) {
    return ends.a->send_file(file.get(), &offset, content.size() - sent);
  });
  CHECK(arrived == content);
}

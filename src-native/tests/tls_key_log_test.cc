// What is read out of the lines of a key log.
#include "tls/key_log.h"

#include "tests/check.h"
#include "tests/tls_support.h"

using namespace ktls;
using namespace ktls::test;
using namespace ktls::tls;

namespace {

Buffer secret(const KeyLog& log, std::string_view label) {
  Bytes found = log.secret(label);
  return Buffer(found.begin(), found.end());
}

}  // namespace

TEST(each_label_has_its_secret) {
  KeyLog log;
  log.add("CLIENT_TRAFFIC_SECRET_0 00ff 0123456789abcdef");
  log.add("SERVER_TRAFFIC_SECRET_0 00ff FEDCBA9876543210");
  CHECK(secret(log, "CLIENT_TRAFFIC_SECRET_0") == hex("0123456789abcdef"));
  CHECK(secret(log, "SERVER_TRAFFIC_SECRET_0") == hex("fedcba9876543210"));
  CHECK(secret(log, "CLIENT_TRAFFIC_SECRET").empty());
  CHECK(secret(log, "EXPORTER_SECRET").empty());
}

TEST(the_last_of_a_label_counts) {
  KeyLog log;
  log.add("CLIENT_RANDOM 00 01");
  log.add("CLIENT_RANDOM 00 0203");
  CHECK(secret(log, "CLIENT_RANDOM") == hex("0203"));
}

TEST(what_is_no_line_of_a_key_log_counts_for_nothing) {
  KeyLog log;
  for (const char* line : {"", " ", "A", "A ", "A 00", "A 00 ", "A 00 0", "A 00 0x", "A 00 -1", "A 00 +1",
                           "A 00 01 ", "A 00 01 02", "A 00  01"}) {
    log.add(line);
    CHECK(log.secret("A").empty());
  }
}

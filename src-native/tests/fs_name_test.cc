// What a name off the wire may be.
#include "fs/name.h"

#include "tests/check.h"

using ktls::fs::check_name;
using ktls::fs::check_names;

TEST(a_single_component_of_any_bytes_is_taken) {
  CHECK_OK(check_name("a"));
  CHECK_OK(check_name("..."));
  CHECK_OK(check_name(".a"));
  CHECK_OK(check_name("..a"));
  CHECK_OK(check_name("-rf"));
  CHECK_OK(check_name(" "));
  CHECK_OK(check_name("line\nfeed"));
  CHECK_OK(check_name("\xff\xfe\x80"));
  CHECK_OK(check_name(std::string(255, 'x')));
  CHECK_OK(check_name(".ktls-transfer"));
}

TEST(whatever_leads_elsewhere_is_refused) {
  CHECK_CODE(check_name(""), unsafe_path);
  CHECK_CODE(check_name("."), unsafe_path);
  CHECK_CODE(check_name(".."), unsafe_path);
  CHECK_CODE(check_name("/"), unsafe_path);
  CHECK_CODE(check_name("/etc"), unsafe_path);
  CHECK_CODE(check_name("a/"), unsafe_path);
  CHECK_CODE(check_name("a/../../b"), unsafe_path);
  CHECK_CODE(check_name(std::string("a\0b", 3)), unsafe_path);
  CHECK_CODE(check_name(std::string("\0", 1)), unsafe_path);
  CHECK_CODE(check_name(std::string(256, 'x')), unsafe_path);
}

TEST(our_own_temporary_names_are_refused) {
  CHECK_CODE(check_name(".ktls-transfer-"), unsafe_path);
  CHECK_CODE(check_name(".ktls-transfer-0123456789abcdef-1"), unsafe_path);
  CHECK_CODE(check_name(".ktls-transfer-removed-1"), unsafe_path);
}

TEST(a_refusal_quotes_no_more_than_a_name_may_have) {
  ktls::Status status = check_name(std::string(1 << 20, 'x'));
  CHECK_EQ(status.path().size(), size_t{255});
}

TEST(every_component_of_a_path_is_checked) {
  CHECK_OK(check_names({}));
  CHECK_OK(check_names({"a", "b"}));
  CHECK_CODE(check_names({"a", "..", "b"}), unsafe_path);
}

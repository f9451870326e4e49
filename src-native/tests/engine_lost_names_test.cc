// What a receiver remembers of names that were not written.
#include "engine/lost_names.h"

#include <errno.h>

#include "tests/check.h"

using namespace ktls;
using namespace ktls::engine;

TEST(a_name_is_lost_in_its_directory_alone_with_the_first_reason) {
  LostNames names;
  CHECK_OK(names.check(0, "a"));
  names.add(7, "a", Status::fail(Code::exists, "it is there"));
  names.add(7, "a", Status::system("openat", ENOSPC));
  names.add(8, "b", Status::system("openat", ENOSPC));
  CHECK_CODE(names.check(7, "a"), exists);
  CHECK_EQ(names.check(8, "b").error_number(), ENOSPC);
  CHECK_OK(names.check(8, "a"));
  CHECK_OK(names.check(7, "b"));
}

TEST(beyond_the_bound_no_name_counts_as_written) {
  LostNames names;
  for (uint32_t directory = 0; directory < 1 << 18; directory++) {
    names.add(directory, "a", Status::fail(Code::exists, "it is there"));
  }
  CHECK_OK(names.check(0, "b"));
  names.add(1 << 18, "a", Status::fail(Code::exists, "it is there"));
  CHECK_CODE(names.check(0, "b"), exists);
}

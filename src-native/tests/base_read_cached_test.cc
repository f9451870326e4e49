// Reading without waiting for a disk.
#include "base/read_cached.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/check.h"

using namespace ktls;
using namespace ktls::test;

TEST(files_of_a_tmpfs_are_in_memory) {
  // On the kernel's own tmpfs, wherever the tests run.
  Fd file(memfd_create("cached", MFD_CLOEXEC));
  CHECK(file);
  CHECK_EQ(write(file.get(), "content", 7), 7);
  uint8_t into[16];
  CHECK_EQ(read_cached(file.get(), into, 0), 7);
  CHECK_EQ(into[0], 'c');
  CHECK_EQ(read_cached(file.get(), into, 3), 4);
  CHECK_EQ(read_cached(file.get(), into, 7), 0);
}

TEST(what_is_no_file_is_refused) {
  Fd end(open("/dev/null", O_WRONLY | O_CLOEXEC));
  CHECK(end);
  uint8_t into[1];
  CHECK_EQ(read_cached(end.get(), into, 0), -1);
  CHECK_EQ(errno, EBADF);
}

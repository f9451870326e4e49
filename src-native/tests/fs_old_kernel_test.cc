// Without openat2 (Linux before 5.6, containers that filter it) and without RENAME_NOREPLACE (NFS), what
// is promised stays the same.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fs/beneath.h"
#include "fs/rename.h"
#include "fs/sink.h"
#include "fs/walk.h"
#include "tests/fs_support.h"

using namespace ktls;
using namespace ktls::test;

namespace {

// From here on `call` fails with `error` in this process.
void forbid(long call, int error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{sizeof program / sizeof program[0], program};
  CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
  errno = 0;
  CHECK_EQ(syscall(call, -1, nullptr, -1, nullptr, 0), -1);
  CHECK_EQ(errno, error);
}

}  // namespace

TEST(without_openat2_paths_are_confined_all_the_same) {
  for (int error : {0, ENOSYS, EPERM}) {
    Scratch root;
    CHECK_EQ(mkdir((root / "a").c_str(), 0755), 0);
    CHECK_EQ(mkdir((root / "a/b").c_str(), 0755), 0);
    CHECK_EQ(symlink("b", (root / "a/link").c_str()), 0);
    CHECK_EQ(mkdir((root / "a/b/c").c_str(), 0755), 0);
    put(root / "a/file", "x");
    in_child([&] {
      if (error != 0) forbid(SYS_openat2, error);
      Fd fd(open(root.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      CHECK_OK(fs::open_beneath(fd.get(), {"a", "b", "c"}));
      CHECK_OK(fs::open_beneath(fd.get(), {}));
      CHECK_EQ(fs::open_beneath(fd.get(), {"a", "link", "c"}).status().error_number(), ENOTDIR);
      CHECK_EQ(fs::open_beneath(fd.get(), {"a", "link"}).status().error_number(), ENOTDIR);
      CHECK_EQ(fs::open_beneath(fd.get(), {"a", "file"}).status().error_number(), ENOTDIR);
      CHECK_EQ(fs::open_beneath(fd.get(), {"a", "none", "c"}).status().error_number(), ENOENT);
      CHECK_CODE(fs::Walk::open(root.path(), {"a", "b"}, {}), ok);
      fs::SinkOptions options;
      options.max_open_directories = 1;
      auto sink = open_sink(root.path(), options);
      for (uint32_t id = 1; id <= 100; id++) CHECK_OK(sink->add_directory(id, id - 1, "d", metadata(0755)));
      CHECK_OK(sink->write_file(50, "file", bytes("x"), metadata(0644)));
      CHECK_OK(commit(*sink));
    });
    std::string deep = root.path();
    for (int level = 0; level < 50; level++) deep += "/d";
    CHECK_EQ(get(deep + "/file"), std::string("x"));
  }
}

TEST(paths_longer_than_the_kernel_takes_are_walked_in_pieces) {
  Scratch root;
  std::vector<std::string> names;
  Fd fd(open(root.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Fd at(open(root.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int level = 0; level < 40; level++) {
    names.emplace_back(255, static_cast<char>('a' + level % 26));
    CHECK_EQ(mkdirat(at.get(), names.back().c_str(), 0755), 0);
    at = Fd(openat(at.get(), names.back().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CHECK(at);
    // Whatever the piece's end falls on.
    CHECK_OK(fs::open_beneath(fd.get(), names));
  }
  Result<Fd> found = fs::open_beneath(fd.get(), names);
  CHECK_OK(found);
  struct stat there, expected;
  CHECK_EQ(fstat(found->get(), &there), 0);
  CHECK_EQ(fstat(at.get(), &expected), 0);
  CHECK_EQ(there.st_ino, expected.st_ino);
}

TEST(without_a_rename_that_keeps_what_is_there_nothing_is_replaced) {
  for (int error : {0, EINVAL, ENOSYS}) {
    Scratch root;
    for (const char* name : {"file", "taken"}) put(root / name, name);
    for (const char* name : {"folder", "taken-folder"}) CHECK_EQ(mkdir((root / name).c_str(), 0755), 0);
    in_child([&] {
      if (error != 0) forbid(SYS_renameat2, error);
      Fd fd(open(root.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      auto rename_to = [&](const char* from, const char* to) {
        return fs::rename_new(fd.get(), from, fd.get(), to).error_number();
      };
      CHECK_EQ(rename_to("file", "taken"), EEXIST);
      CHECK_EQ(rename_to("folder", "taken-folder"), EEXIST);
      CHECK_EQ(rename_to("folder", "taken"), EEXIST);
      CHECK_EQ(rename_to("file", "taken-folder"), EEXIST);
      CHECK_EQ(rename_to("none", "new"), ENOENT);
      CHECK_EQ(rename_to("file", "new"), 0);
      CHECK_EQ(rename_to("folder", "new-folder"), 0);
    });
    CHECK_EQ(listing(root.path()), std::string("new new-folder taken taken-folder"));
    CHECK_EQ(get(root / "taken"), std::string("taken"));
    CHECK_EQ(get(root / "new"), std::string("file"));
  }
}

// Files that the sender cannot open.
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include <cstring>
#include <set>

#include "tests/engine_support.h"

// In place of libc's: a file named refused… is not for us, and for one named exhausted… no descriptor is
// left.
extern "C" int openat(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  // What the sender opens; the receiver makes files of these names.
  if ((flags & O_NONBLOCK) != 0 && std::strncmp(path, "refused", 7) == 0) {
    errno = EACCES;
    return -1;
  }
  if ((flags & O_NONBLOCK) != 0 && std::strncmp(path, "exhausted", 9) == 0) {
    errno = EMFILE;
    return -1;
  }
  return static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
}

namespace ktls::test {

namespace {

engine::SenderOptions sends(const Scratch& root) {
  engine::SenderOptions options;
  options.root = root.path();
  return options;
}

engine::ReceiverOptions receives(const Scratch& root) {
  engine::ReceiverOptions options;
  options.root = root / "new";
  return options;
}

std::set<std::string> skipped_by(engine::Session& session) {
  std::set<std::string> skipped;
  for (const wire::Report& report : session.take_skipped()) skipped.insert(report.path + ": " + report.code);
  return skipped;
}

}  // namespace

TEST(names_of_a_file_that_cannot_be_read_are_skipped_at_both_ends_for_that_reason) {
  Scratch from, to;
  write_file(from / "refused1", "x");
  for (const char* name : {"refused2", "refused3"})
    std::filesystem::create_hard_link(from / "refused1", from / name);
  write_file(from / "fine", "x");
  Transfer transfer(sends(from), receives(to));
  Outcome outcome = transfer.run(1);
  CHECK_OK(outcome.sender);
  CHECK_OK(outcome.receiver);
  const std::string code = wire::Report::from(Status::system("openat", EACCES)).code;
  const std::set<std::string> all{"refused1: " + code, "refused2: " + code, "refused3: " + code};
  CHECK_EQ(transfer.sender->session().skipped_total(), uint64_t{3});
  CHECK(skipped_by(transfer.sender->session()) == all);
  CHECK(skipped_by(transfer.receiver->session()) == all);
  CHECK(std::filesystem::exists(to / "new" / "fine"));
}

TEST(a_sender_that_has_no_descriptor_left_fails_and_skips_nothing) {
  Scratch from, to;
  write_file(from / "exhausted", "x");
  engine::SenderOptions options = sends(from);
  options.continue_on_error = true;
  Transfer transfer(options, receives(to));
  Outcome outcome = transfer.run(1);
  CHECK_EQ(outcome.sender.error_number(), EMFILE);
  CHECK_EQ(outcome.sender.path(), std::string("exhausted"));
  CHECK_EQ(outcome.receiver.error_number(), EMFILE);
  CHECK_EQ(transfer.sender->session().skipped_total(), uint64_t{0});
  CHECK(!std::filesystem::exists(to / "new"));
}

}  // namespace ktls::test

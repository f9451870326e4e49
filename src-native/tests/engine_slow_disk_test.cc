// Ends whose disks are slow: the other hears in time that they are at work.
#include <poll.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstring>

#include "tests/engine_support.h"
#include "wire/entry.h"
#include "wire/report.h"

namespace {

std::atomic<bool> fast{true};  // the disk
std::atomic<int> opened{0};    // files named slow…
std::atomic<int> synced{0};

}  // namespace

// In place of libc's: a file named slow… takes 10 ms to open, until the disk has become fast.
extern "C" int openat(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  if (std::strncmp(path, "slow", 4) == 0) {
    opened++;
    if (!fast) usleep(10'000);
  }
  return static_cast<int>(syscall(SYS_openat, directory, path, flags, mode));
}

// In place of libc's: it takes until the disk has become fast.
extern "C" int fsync(int) {
  synced++;
  while (!fast) usleep(1000);
  return 0;
}

namespace ktls::test {

namespace {

constexpr std::chrono::milliseconds kLong = std::chrono::minutes(4);

std::unique_ptr<engine::Sender> sender_of(const Scratch& from, const std::shared_ptr<Cancel>& user,
                                          std::chrono::milliseconds idle) {
  engine::SenderOptions options;
  options.root = from.path();
  auto created = engine::Sender::create(options, user, idle, [] {});
  CHECK_OK(created);
  return std::move(*created);
}

// Frames of one file, as a sender says them that hashes nothing.
using Frames = std::function<void(wire::Writer&)>;

void write_data(wire::Writer& out, size_t length) {
  out.begin(wire::FrameType::file_data);
  std::fill_n(out.position(), length, uint8_t{0});
  out.advance(length);
  out.end();
}

Frames plain_file(size_t length) {
  return [length](wire::Writer& out) {
    wire::FileHeader{0, length, {}, "file"}.write(out);
    write_data(out, length);
    out.header(wire::FrameType::file_end, 0);
  };
}

void file_in_blocks(wire::Writer& out) {
  wire::BlockFile{0, {0, 100, {}, "file"}}.write(out);
  wire::Block{0, 0, 100}.write(out);
  write_data(out, 100);
  out.header(wire::FrameType::block_end, 0);
  wire::BlockFileEnd{0, true}.write(out);
}

}  // namespace

TEST(a_sender_whose_disk_is_slow_sends_the_few_small_files_that_it_has) {
  constexpr int kFiles = 2000;
  Scratch from;
  for (int i = 0; i < kFiles; i++) write_file(from / ("slow" + std::to_string(i)), "x");
  Links links = link_pair();
  auto user = Cancel::create();
  CHECK_OK(user);
  std::unique_ptr<engine::Sender> sender = sender_of(from, *user, kLong);
  fast = false;
  Status sent;
  std::thread sending([&] { sent = sender->run(std::move(links.client)); });
  Status heard = links.server->fill({**user, kLong});
  const int opened_by_then = opened;
  fast = true;
  (*user)->set();
  links.server.reset();
  sending.join();
  CHECK_OK(heard);
  CHECK(opened_by_then < kFiles);
}

TEST(a_sender_that_waits_for_its_other_connections_says_so) {
  Scratch from;
  std::array<Links, 2> both{link_pair(), link_pair()};
  auto user = Cancel::create();
  CHECK_OK(user);
  constexpr std::chrono::milliseconds kIdle{1500};
  std::unique_ptr<engine::Sender> sender = sender_of(from, *user, kIdle);
  sender->expect();
  sender->add(std::move(both[1].client));
  Status sent;
  std::thread sending([&] { sent = sender->run(std::move(both[0].client)); });
  // One has done and waits for its peer's end, which does not come; the peer is at work, though.
  engine::Link* done = nullptr;
  std::array<int, 2> totals{};
  int before = -1;
  const Deadline end = Deadline::in(std::chrono::minutes(1));
  bool heard = false;
  while (!heard && !end.passed()) {
    for (size_t i = 0; i < both.size(); i++) {
      engine::Link& link = *both[i].server;
      (void)link.fill_now();
      for (;;) {
        Result<std::optional<engine::Link::Frame>> frame = link.front_frame();
        if (!frame.ok() || !frame->has_value()) break;
        if ((**frame).type == wire::FrameType::connection_done) done = &link;
        if ((**frame).type == wire::FrameType::totals) totals[i]++;
        link.consume_frame(**frame);
      }
    }
    if (done != nullptr) {
      const size_t other = done == both[0].server.get() ? 1 : 0;
      if (before < 0) before = totals[other];
      heard = totals[other] > before + 1;
      wire::Tally{}.write(done->out(), wire::FrameType::progress);
      (void)done->flush({**user, kLong});
    }
    usleep(10'000);
  }
  (*user)->set();
  for (Links& links : both) links.server.reset();
  sending.join();
  CHECK(heard);
  CHECK_CODE(sent, cancelled);
}

TEST(a_receiver_that_waits_for_its_disk_says_that_it_is_alive) {
  for (const Frames& frames : {plain_file(5), plain_file(100'000), Frames(file_in_blocks)}) {
    Scratch to;
    Links links = link_pair();
    auto user = Cancel::create();
    CHECK_OK(user);
    engine::ReceiverOptions options;
    options.root = to / "new";
    options.verify = false;
    options.sink.sync = fs::Sync::file;
    auto receiver = engine::Receiver::create(options, *user, std::chrono::milliseconds(1500), [] {});
    CHECK_OK(receiver);
    fast = false;
    synced = 0;
    Status received;
    std::thread receiving([&] { received = (*receiver)->run(std::move(links.server)); });
    wire::DirectoryFrame{0, 0, {0755}, ""}.write(links.client->out());
    frames(links.client->out());
    Status said = links.client->flush({**user, kLong});
    while (synced == 0) usleep(1000);
    Result<engine::Link::Frame> heard = links.client->next_frame({**user, std::chrono::seconds(30)});
    fast = true;
    (*user)->set();
    links.client.reset();
    receiving.join();
    CHECK_OK(said);
    CHECK_OK(heard);
    CHECK_EQ(heard->type, wire::FrameType::progress);
  }
}

TEST(a_receiver_hears_that_its_sender_was_cancelled_while_it_waited_for_its_disk) {
  Scratch to;
  Links links = link_pair();
  auto user = Cancel::create();
  CHECK_OK(user);
  engine::ReceiverOptions options;
  options.root = to / "new";
  options.verify = false;
  options.sink.sync = fs::Sync::file;
  auto receiver = engine::Receiver::create(options, *user, kLong, [] {});
  CHECK_OK(receiver);
  const int socket = links.server->connection().fd();
  fast = false;
  synced = 0;
  Status received;
  std::thread receiving([&] { received = (*receiver)->run(std::move(links.server)); });
  wire::DirectoryFrame{0, 0, {0755}, ""}.write(links.client->out());
  plain_file(5)(links.client->out());
  wire::Counts{1, 0, 0, 0, 5, 0}.write(links.client->out());
  Status said = links.client->flush({**user, kLong});
  while (synced == 0) usleep(1000);
  std::thread saying([&] {
    engine::say_error(*links.client, Status::fail(Code::cancelled, "no more"), {**user, kLong});
  });
  pollfd arrived{socket, POLLIN, 0};
  const int ready = poll(&arrived, 1, -1);
  fast = true;
  receiving.join();
  saying.join();
  CHECK_OK(said);
  CHECK_EQ(ready, 1);
  CHECK_CODE(received, peer);
  CHECK(!std::filesystem::exists(to / "new"));
}

}  // namespace ktls::test

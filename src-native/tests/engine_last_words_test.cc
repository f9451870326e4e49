// What an end says before it goes, and how the other takes it.
#include "tests/engine_support.h"
#include "wire/report.h"

namespace ktls::test {

namespace {

constexpr std::chrono::milliseconds kLong = std::chrono::minutes(4);

// Frames that the other end passes over.
void write_filler(wire::Writer& out) {
  out.begin(static_cast<wire::FrameType>(wire::kFirstIgnorableType));
  const std::string content = random_content(10'000, 1);
  out.bytes({reinterpret_cast<const uint8_t*>(content.data()), content.size()});
  out.end();
}

void keep_buffers_small(int fd) {
  const int size = 256 << 10;
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

std::unique_ptr<engine::Sender> sender_of(const Scratch& from, const std::shared_ptr<Cancel>& user,
                                          std::chrono::milliseconds idle = kLong) {
  engine::SenderOptions options;
  options.root = from.path();
  auto created = engine::Sender::create(options, user, idle, [] {});
  CHECK_OK(created);
  return std::move(*created);
}

// A sender at work on 16 MiB over small buffers, whose peer is the test.
struct BusySender {
  explicit BusySender(std::chrono::milliseconds idle) {
    write_file(from / "large", random_content(16 << 20, 1));
    keep_buffers_small(links.client->connection().fd());
    keep_buffers_small(links.server->connection().fd());
    CHECK_OK(user);
    CHECK_OK(never);
    sender = sender_of(from, *user, idle);
    sending = std::thread([this] { sent = sender->run(std::move(links.client)); });
  }

  // Tells it something, which waits for as long as `patience` has where the sender does not read.
  Status tell(std::chrono::milliseconds patience) {
    Status said = links.server->reserve(wire::kMaxMessageLength, {**never, patience});
    write_filler(links.server->out());
    return said;
  }

  Status say_progress() {
    wire::Tally{}.write(links.server->out(), wire::FrameType::progress);
    return links.server->flush({**never, kLong});
  }

  Scratch from;
  Links links = link_pair();
  Result<std::shared_ptr<Cancel>> user = Cancel::create();
  Result<std::shared_ptr<Cancel>> never = Cancel::create();
  std::unique_ptr<engine::Sender> sender;
  std::thread sending;
  Status sent;
};

}  // namespace

TEST(a_sender_without_work_left_hears_why_its_other_connection_is_reset) {
  Scratch from;
  std::array<Links, 2> both{link_pair(), link_pair()};
  auto user = Cancel::create();
  CHECK_OK(user);
  std::unique_ptr<engine::Sender> sender = sender_of(from, *user);
  sender->expect();
  sender->add(std::move(both[1].client));
  Status sent;
  std::thread sending([&] { sent = sender->run(std::move(both[0].client)); });
  // One has done first and waits for its peer's end; the other waits for that.
  std::unique_ptr<engine::Link>* idle = nullptr;
  while (idle == nullptr) {
    for (Links& links : both) {
      (void)links.server->fill_now();
      Result<std::optional<engine::Link::Frame>> frame = links.server->front_frame();
      if (!frame.ok() || !frame->has_value()) continue;
      if ((**frame).type == wire::FrameType::connection_done) idle = &links.server;
      links.server->consume_frame(**frame);
    }
    std::this_thread::yield();
  }
  // Nothing shows that it does; where it does not yet, it hears all the sooner.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  engine::say_error(idle == &both[0].server ? *both[1].server : *both[0].server,
                    Status::system("open", ENOTDIR), {**user, std::chrono::milliseconds(0)});
  const linger at_once{1, 0};
  (void)setsockopt((*idle)->connection().fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  idle->reset();
  sending.join();
  CHECK_EQ(sent.error_number(), ENOTDIR);
}

TEST(a_sender_that_is_cancelled_says_so) {
  Scratch from;
  Links links = link_pair();
  auto user = Cancel::create();
  CHECK_OK(user);
  std::unique_ptr<engine::Sender> sender = sender_of(from, *user);
  Status sent;
  std::thread sending([&] { sent = sender->run(std::move(links.client)); });
  auto never = Cancel::create();
  CHECK_OK(never);
  Result<wire::Report> said = Status::of(Code::end_of_stream);
  for (;;) {
    Result<engine::Link::Frame> frame = links.server->next_frame({**never, kLong});
    if (!frame.ok()) break;
    // It waits for an answer now.
    if (frame->type == wire::FrameType::all_done) (*user)->set();
    if (frame->type == wire::FrameType::error) said = wire::Report::parse(frame->payload);
    links.server->consume_frame(*frame);
  }
  links.server.reset();
  sending.join();
  CHECK_CODE(sent, cancelled);
  CHECK_OK(said);
  CHECK_EQ(said->code, std::string("ABORT_ERR"));
}

TEST(a_sender_that_waits_for_room_takes_in_what_it_is_told) {
  // All of it may take long on a slow machine, and the sender is right to give up a peer that takes nothing.
  constexpr std::chrono::minutes kLonger{10};
  BusySender busy(kLonger);
  // As much as a receiver that can write none of very many files would say, before it reads the next.
  Status said;
  for (int i = 0; i < 1600 && said.ok(); i++) said = busy.tell(kLonger);
  (*busy.user)->set();
  busy.links.server.reset();
  busy.sending.join();
  CHECK_OK(said);
  CHECK_CODE(busy.sent, cancelled);
}

TEST(a_peer_that_only_talks_and_takes_nothing_is_given_up) {
  BusySender busy(std::chrono::milliseconds(300));
  while (busy.tell(kLong).ok()) continue;
  busy.sending.join();
  CHECK_CODE(busy.sent, idle_timeout);
}

TEST(a_peer_that_takes_nothing_and_says_that_it_is_at_work_is_waited_for) {
  BusySender busy(std::chrono::milliseconds(2000));
  // Twice the limit, at least.
  Status said;
  for (int i = 0; i < 40 && said.ok(); i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    said = busy.say_progress();
  }
  (*busy.user)->set();
  busy.links.server.reset();
  busy.sending.join();
  CHECK_OK(said);
  CHECK_CODE(busy.sent, cancelled);
}

TEST(a_receiver_whose_sender_was_cancelled_is_not_cancelled_itself) {
  Scratch to;
  Links links = link_pair();
  auto user = Cancel::create();
  CHECK_OK(user);
  engine::ReceiverOptions options;
  options.root = to / "new";
  auto receiver = engine::Receiver::create(options, *user, kLong, [] {});
  CHECK_OK(receiver);
  std::thread saying([&] {
    auto never = Cancel::create();
    CHECK_OK(never);
    engine::say_error(*links.client, Status::fail(Code::cancelled, "the transfer was cancelled"),
                      {**never, kLong});
  });
  Status received = (*receiver)->run(std::move(links.server));
  saying.join();
  CHECK_CODE(received, peer);
  CHECK_EQ(received.message(), std::string("the peer reports: the transfer was cancelled"));
}

TEST(last_words_come_behind_what_a_flush_had_begun_to_send) {
  Links links = link_pair();
  auto never = Cancel::create();
  CHECK_OK(never);
  size_t written = 0;
  // Nobody reads: a flush is broken off somewhere in a frame.
  for (Status flushed; flushed.ok();) {
    for (int i = 0; i < 30; i++, written++) write_filler(links.client->out());
    flushed = links.client->flush({**never, std::chrono::milliseconds(0)});
  }
  std::thread saying([&] {
    engine::say_error(*links.client, Status::fail(Code::cancelled, "no more"), {**never, kLong});
  });
  size_t arrived = 0;
  bool said = false;
  while (!said) {
    Result<std::optional<engine::Link::Frame>> frame = links.server->front_frame();
    CHECK_OK(frame);
    if (!frame->has_value()) {
      CHECK_OK(links.server->fill({**never, kLong}));
      continue;
    }
    said = (**frame).type == wire::FrameType::error;
    if (!said) arrived++;
    links.server->consume_frame(**frame);
  }
  links.server.reset();
  saying.join();
  CHECK_EQ(arrived, written);
}

}  // namespace ktls::test

// Whole transfers between the two engines, without Node.
#include "tests/engine_support.h"

namespace ktls::test {

namespace {

void make_tree(const std::filesystem::path& root) {
  for (int i = 0; i < 300; i++) {
    write_file(
        root / ("d" + std::to_string(i % 7)) / ("e" + std::to_string(i % 3)) / ("f" + std::to_string(i)),
        random_content(static_cast<size_t>(i) * 37, static_cast<uint32_t>(i)));
  }
  write_file(root / "empty", "");
  write_file(root / "edge64k", random_content(65536, 1));
  write_file(root / "edge64k+1", random_content(65537, 2));
  write_file(root / "medium", random_content(3'000'001, 3));
  write_file(root / "large", random_content(9'000'007, 4));
  std::filesystem::create_directories(root / "hollow" / "inner");
  std::filesystem::create_symlink("../nowhere", root / "hollow" / "link");
  std::filesystem::create_hard_link(root / "medium", root / "hollow" / "again");
  chmod((root / "medium").c_str(), 01751);
  chmod((root / "hollow").c_str(), 0500);
  timespec times[2] = {{1, 2}, {1'000'000'000, 123'456'789}};
  utimensat(AT_FDCWD, (root / "d1").c_str(), times, 0);
}

engine::SenderOptions sends(const std::filesystem::path& root) {
  engine::SenderOptions options;
  options.root = root;
  options.block_threshold = 4 << 20;
  return options;
}

engine::ReceiverOptions receives(const std::filesystem::path& root) {
  engine::ReceiverOptions options;
  options.root = root;
  return options;
}

void expect_nothing_temporary(const std::filesystem::path& root) {
  if (!std::filesystem::exists(root)) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    CHECK(entry.path().filename().string().find(".ktls-transfer-") == std::string::npos);
  }
}

}  // namespace

TEST(a_tree_arrives_identical_over_any_number_of_connections) {
  Scratch from;
  make_tree(from.path());
  for (uint32_t connections : {1, 2, 4, 8}) {
    Scratch to;
    Transfer transfer(sends(from.path()), receives(to / "new"));
    Outcome outcome = transfer.run(connections);
    CHECK_OK(outcome.sender);
    CHECK_OK(outcome.receiver);
    CHECK(describe_tree(from.path()) == describe_tree(to / "new"));
    CHECK_EQ(transfer.sender->receiver_counts().files, uint64_t{305});
    CHECK_EQ(transfer.receiver->counts().hard_links, uint64_t{1});
  }
}

TEST(a_tree_arrives_in_a_folder_that_is_there) {
  Scratch from, to;
  make_tree(from.path());
  write_file(to / "medium", "old");
  write_file(to / "d1" / "mine", "kept");
  Transfer transfer(sends(from.path()), receives(to.path()));
  Outcome outcome = transfer.run(3);
  CHECK_OK(outcome.sender);
  CHECK_OK(outcome.receiver);
  auto arrived = describe_tree(to.path());
  CHECK_EQ(arrived.erase("d1/mine"), size_t{1});
  CHECK(arrived == describe_tree(from.path()));
  expect_nothing_temporary(to.path());
}

TEST(connections_that_write_one_file_in_turns_put_everything_in_its_place) {
  Scratch from, to;
  write_file(from / "large", random_content(64 << 20, 1));
  engine::SenderOptions sender = sends(from.path());
  sender.block_threshold = 1 << 20;
  Transfer transfer(sender, receives(to / "new"));
  Outcome outcome = transfer.run(4);
  CHECK_OK(outcome.sender);
  CHECK_OK(outcome.receiver);
  CHECK(describe_tree(from.path()) == describe_tree(to / "new"));
}

TEST(a_spent_key_is_replaced_by_a_connection) {
  Scratch from;
  write_file(from / "large", random_content(70 << 20, 1));
  engine::SenderOptions sender = sends(from.path());
  sender.block_threshold = 1 << 20;
  for (int late : {0, 100}) {
    Scratch to;
    Transfer transfer(sender, receives(to / "new"));
    transfer.options.connection.max_records_per_key = 2048;
    transfer.options.peer_follows_key_update = false;
    transfer.receiver_is_late = std::chrono::milliseconds(late);
    Outcome outcome = transfer.run(1);
    CHECK_OK(outcome.sender);
    CHECK_OK(outcome.receiver);
    CHECK(describe_tree(from.path()) == describe_tree(to / "new"));
    CHECK(transfer.added > 1);
  }
}

TEST(an_existing_file_is_kept_without_overwrite) {
  Scratch from, to;
  write_file(from / "a", "new");
  write_file(from / "b", "new");
  write_file(to / "a", "old");
  engine::ReceiverOptions receiver = receives(to.path());
  receiver.sink.overwrite = false;
  Transfer transfer(sends(from.path()), receiver);
  Outcome outcome = transfer.run(1);
  CHECK_OK(outcome.sender);
  CHECK_OK(outcome.receiver);
  CHECK_EQ(transfer.receiver->session().skipped_total(), uint64_t{1});
  CHECK_EQ(transfer.sender->session().skipped_total(), uint64_t{1});
  CHECK_EQ(std::filesystem::file_size(to / "a"), uintmax_t{3});
}

TEST(a_hard_link_is_none_to_a_file_that_was_there) {
  for (bool folder : {false, true}) {
    // Which of the two names the sender meets first is the file system's choice.
    for (auto [taken, other] : {std::pair("a", "b"), std::pair("b", "a")}) {
      Scratch from, to;
      write_file(from / "a", "new");
      std::filesystem::create_hard_link(from / "a", from / "b");
      if (folder) {
        std::filesystem::create_directory(to / taken);
      } else {
        write_file(to / taken, "old");
      }
      engine::SenderOptions sender = sends(from.path());
      engine::ReceiverOptions receiver = receives(to.path());
      receiver.sink.overwrite = false;
      sender.continue_on_error = receiver.continue_on_error = folder;
      Transfer transfer(sender, receiver);
      Outcome outcome = transfer.run(1);
      CHECK_OK(outcome.sender);
      CHECK_OK(outcome.receiver);
      bool made = std::filesystem::exists(to / other);
      auto skipped = transfer.sender->session().take_skipped();
      CHECK_EQ(skipped.size(), size_t{made ? 1u : 2u});
      CHECK_EQ(skipped[0].path, std::string(taken));
      if (made) {
        CHECK(describe_tree(to.path())[other].ends_with(" 1 new"));
        continue;
      }
      CHECK_EQ(skipped[1].path, std::string(other));
      CHECK_EQ(skipped[1].code, skipped[0].code);
      CHECK_EQ(skipped[1].error_number, skipped[0].error_number);
      CHECK_EQ(transfer.receiver->counts().hard_links, uint64_t{0});
    }
  }
}

TEST(a_file_where_a_folder_must_go_ends_the_transfer_and_is_named_at_both_ends) {
  Scratch from, to;
  make_tree(from.path());
  write_file(to / "d3", "in the way");
  Transfer transfer(sends(from.path()), receives(to.path()));
  Outcome outcome = transfer.run(2);
  CHECK_EQ(outcome.receiver.error_number(), ENOTDIR);
  CHECK_EQ(outcome.receiver.path(), std::string("d3"));
  CHECK_EQ(outcome.sender.error_number(), ENOTDIR);
  CHECK_EQ(outcome.sender.path(), std::string("d3"));
  expect_nothing_temporary(to.path());
}

TEST(with_continue_the_rest_arrives) {
  Scratch from, to;
  make_tree(from.path());
  write_file(to / "d3", "in the way");
  engine::SenderOptions sender = sends(from.path());
  engine::ReceiverOptions receiver = receives(to.path());
  sender.continue_on_error = receiver.continue_on_error = true;
  Transfer transfer(sender, receiver);
  Outcome outcome = transfer.run(2);
  CHECK_OK(outcome.sender);
  CHECK_OK(outcome.receiver);
  CHECK(transfer.sender->session().skipped_total() > 1);
  CHECK(std::filesystem::exists(to / "d4" / "e1"));
}

TEST(either_end_can_be_cancelled_and_the_other_notices) {
  Scratch from;
  for (int i = 0; i < 40; i++) write_file(from / std::to_string(i), random_content(2 << 20, 1));
  for (bool sender : {true, false}) {
    Scratch to;
    Transfer transfer(sends(from.path()), receives(to / "new"));
    transfer.stall();
    std::thread cancelling([&] {
      while (transfer.receiver->session().bytes == 0) std::this_thread::yield();
      (sender ? transfer.sender_cancel : transfer.receiver_cancel)->set();
    });
    Outcome outcome = transfer.run(2);
    cancelling.join();
    CHECK_CODE(sender ? outcome.sender : outcome.receiver, cancelled);
    CHECK(!(sender ? outcome.receiver : outcome.sender).ok());
    CHECK(std::filesystem::is_empty(to.path()));
  }
}

TEST(a_large_file_that_is_given_up_leaves_nothing_while_the_receiver_is_still_held) {
  Scratch from;
  write_file(from / "large", random_content(40 << 20, 1));
  for (bool sender : {true, false}) {
    Scratch to;
    Transfer transfer(sends(from.path()), receives(to.path()));
    transfer.stall();
    std::thread cancelling([&] {
      while (transfer.receiver->session().bytes == 0) std::this_thread::yield();
      (sender ? transfer.sender_cancel : transfer.receiver_cancel)->set();
    });
    transfer.run(2);
    cancelling.join();
    CHECK(std::filesystem::is_empty(to.path()));
  }
}

TEST(a_root_that_is_not_there_is_told_to_both) {
  Scratch to;
  Transfer transfer(sends(to / "missing"), receives(to / "new"));
  Outcome outcome = transfer.run(1);
  CHECK_EQ(outcome.sender.error_number(), ENOENT);
  CHECK_EQ(outcome.receiver.error_number(), ENOENT);
  CHECK(std::filesystem::is_empty(to.path()));
}

TEST(a_connection_may_come_before_the_transfer_runs) {
  Scratch from, to;
  make_tree(from.path());
  Transfer transfer(sends(from.path()), receives(to / "new"));
  transfer.add({});
  transfer.add({});
  Outcome outcome = transfer.run(1);
  CHECK_OK(outcome.sender);
  CHECK_OK(outcome.receiver);
  CHECK_EQ(transfer.receiver->connections_used(), uint32_t{3});
  CHECK(describe_tree(from.path()) == describe_tree(to / "new"));
}

TEST(a_connection_that_comes_around_a_failed_start_is_dropped) {
  Scratch from, to;
  write_file(to / "file", "no folder");
  for (bool at_sender : {true, false}) {
    Transfer transfer(sends(at_sender ? from / "missing" : from.path()),
                      receives(at_sender ? to / "new" : to / "file"));
    transfer.add({});
    Outcome outcome = transfer.run(1);
    CHECK_EQ(outcome.sender.error_number(), at_sender ? ENOENT : ENOTDIR);
    CHECK_EQ(outcome.receiver.error_number(), at_sender ? ENOENT : ENOTDIR);
    transfer.add({});
    CHECK_EQ(transfer.sender->connections_open(), uint32_t{0});
    CHECK_EQ(transfer.receiver->connections_open(), uint32_t{0});
  }
}

}  // namespace ktls::test

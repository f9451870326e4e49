// Two ends of a transfer in one process, over loopback TCP and our own record layer, with secrets from
// nowhere: what the engine's tests stand on.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "engine/handshake.h"
#include "engine/receiver.h"
#include "engine/sender.h"
#include "tests/check.h"
#include "tests/scratch.h"
#include "tests/tcp_pair.h"

namespace ktls::test {

struct Links {
  std::unique_ptr<engine::Link> client;
  std::unique_ptr<engine::Link> server;
};

struct LinkOptions {
  tls::ConnectionOptions connection;
  bool peer_follows_key_update = true;
};

inline Links link_pair(const LinkOptions& options = {}, net::SocketPair pair = tcp_pair()) {
  tls::TrafficState up{tls::CipherSuite::aes_128_gcm_sha256, {1, 2, 3}, 0};
  tls::TrafficState down{tls::CipherSuite::aes_128_gcm_sha256, {4, 5, 6}, 0};
  auto& [client, server] = pair;
  auto a = tls::Connection::create(std::move(client), up, down, options.connection);
  auto b = tls::Connection::create(std::move(server), down, up, options.connection);
  CHECK_OK(a);
  CHECK_OK(b);
  Links links{std::make_unique<engine::Link>(std::move(*a)), std::make_unique<engine::Link>(std::move(*b))};
  links.client->connection().set_peer_follows_key_update(options.peer_follows_key_update);
  links.client->hash_key.fill(7);
  links.server->hash_key.fill(7);
  return links;
}

inline void write_file(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

inline std::string random_content(size_t length, uint32_t seed) {
  // In blocks, and not byte by byte: under ThreadSanitizer each access of these lines is a call.
  std::array<uint64_t, 512> block;
  std::string content;
  content.reserve(length);
  uint64_t state = seed;
  while (content.size() < length) {
    for (uint64_t& word : block) {
      state = state * 6364136223846793005 + 1442695040888963407;
      word = state;
    }
    content.append(reinterpret_cast<const char*>(block.data()),
                   std::min(length - content.size(), sizeof block));
  }
  return content;
}

// type, permission bits, mtime, size or target, and content of everything below `root`, by path.
inline std::map<std::string, std::string> describe_tree(const std::filesystem::path& root) {
  std::map<std::string, std::string> tree;
  auto describe = [&](const std::filesystem::path& path) {
    struct stat attributes;
    CHECK_EQ(lstat(path.c_str(), &attributes), 0);
    std::string text = std::to_string(attributes.st_mode) + " " + std::to_string(attributes.st_mtim.tv_sec) +
                       "." + std::to_string(attributes.st_mtim.tv_nsec) + " ";
    if (S_ISLNK(attributes.st_mode)) text += std::filesystem::read_symlink(path).string();
    if (S_ISREG(attributes.st_mode)) {
      std::ifstream file(path, std::ios::binary);
      text += std::to_string(attributes.st_nlink) + " ";
      std::ostringstream content;
      content << file.rdbuf();
      text += content.str();
    }
    tree[std::filesystem::relative(path, root).string()] = std::move(text);
  };
  describe(root);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_symlink()) {
      tree["link " + entry.path().filename().string()] = std::filesystem::read_symlink(entry.path()).string();
    }
    describe(entry.path());
  }
  return tree;
}

struct Outcome {
  Status sender;
  Status receiver;
};

// One whole transfer over `connections` connections.
class Transfer {
 public:
  Transfer(engine::SenderOptions sender, engine::ReceiverOptions receiver,
           std::chrono::milliseconds idle = std::chrono::minutes(4)) {
    auto cancel = Cancel::create();
    CHECK_OK(cancel);
    sender_cancel = *cancel;
    cancel = Cancel::create();
    CHECK_OK(cancel);
    receiver_cancel = *cancel;
    auto made_sender =
        engine::Sender::create(std::move(sender), sender_cancel, idle, [this] { add(options); });
    auto made_receiver = engine::Receiver::create(std::move(receiver), receiver_cancel, idle, [] {});
    CHECK_OK(made_sender);
    CHECK_OK(made_receiver);
    this->sender = std::move(*made_sender);
    this->receiver = std::move(*made_receiver);
  }

  Outcome run(uint32_t connections) {
    Links first = link_pair(options);
    for (uint32_t i = 1; i < connections; i++) later.push_back(link_pair(options));
    Outcome outcome;
    std::thread receiving([&] { outcome.receiver = receiver->run(std::move(first.server)); });
    std::thread sending([&] { outcome.sender = sender->run(std::move(first.client)); });
    for (Links& links : later) {
      receiver->expect();
      receiver->add(std::move(links.server));
      sender->expect();
      sender->add(std::move(links.client));
    }
    sending.join();
    receiving.join();
    for (std::thread& thread : late) thread.join();
    return outcome;
  }

  void add(const LinkOptions& how) {
    Links links = link_pair(how);
    receiver->expect();
    sender->expect();
    sender->add(std::move(links.client));
    added++;
    if (receiver_is_late.count() == 0) return receiver->add(std::move(links.server));
    late.emplace_back([this, link = std::move(links.server)]() mutable {
      std::this_thread::sleep_for(receiver_is_late);
      receiver->add(std::move(link));
    });
  }

  // One more connection, from which nobody reads: what the sender gives it never arrives, and without that
  // the transfer has no end of its own.
  void stall() {
    stalled = link_pair(options);
    sender->expect();
    sender->add(std::move(stalled.client));
  }

  LinkOptions options;
  std::shared_ptr<Cancel> sender_cancel;
  std::shared_ptr<Cancel> receiver_cancel;
  std::unique_ptr<engine::Sender> sender;
  std::unique_ptr<engine::Receiver> receiver;
  // How long after the sender the receiver learns of a connection that replaces another.
  std::chrono::milliseconds receiver_is_late{0};
  std::vector<Links> later;
  std::vector<std::thread> late;
  Links stalled;
  std::atomic<int> added{0};
};

}  // namespace ktls::test

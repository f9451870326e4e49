// The two frames that open every connection.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "wire/reader.h"
#include "wire/writer.h"

namespace ktls::wire {

using Token = std::array<uint8_t, kTokenLength>;
using HashKey = std::array<uint8_t, 16>;

enum class HelloKind : uint8_t { push = 1, pull = 2, join = 3 };

// From whoever opened the connection.
struct Hello {
  HelloKind kind = HelloKind::push;
  // Whether a KeyUpdate sent to this end can be followed (a kernel record layer before Linux 6.14
  // cannot): said on every connection, since it depends on its record layer.
  bool follows_key_update = true;
  bool verify = true;
  bool ownership = false;
  bool continue_on_error = false;
  uint8_t connections = 1;        // push, pull: wanted
  Token token{};                  // join: of the session; zero else
  HashKey hash_key{};             // of the content hashes on this connection
  std::vector<std::string> path;  // push, pull: components below the acceptor's root

  void write(Writer& writer) const;
  // protocol when it is not ours; protocol_version when it is another version of ours.
  static Result<Hello> parse(Bytes payload);
};

struct HelloOk {
  bool follows_key_update = true;
  uint8_t connections = 1;  // granted, this one included
  Token token{};

  void write(Writer& writer) const;
  static Result<HelloOk> parse(Bytes payload);
};

}  // namespace ktls::wire

// Fuzzes our own record reader and the connection above it: the input is a list of commands for a peer
// that holds the right keys, so that what lies behind the authentication is reached too. CONTRIBUTING.md
// tells how it is run.
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>

#include "net/socket.h"
#include "tls/connection.h"
#include "tls/record_protection.h"

using namespace ktls;
using namespace ktls::tls;

namespace {

TrafficState state_of(uint8_t seed) {
  TrafficState state = {CipherSuite::aes_128_gcm_sha256, {}, 0};
  std::fill(std::begin(state.secret), std::end(state.secret), seed);
  return state;
}

void require(bool condition) {
  if (!condition) abort();
}

// Reads until nothing more comes; an error must stay what it is.
bool drain(Connection& connection, size_t room) {
  static uint8_t memory[70000];
  for (;;) {
    Result<size_t> got = connection.read({memory, room});
    if (got.ok()) {
      require(*got <= room);
      continue;
    }
    if (got.is(Code::would_block)) return true;
    require(connection.read({memory, room}).status().code() == got.status().code());
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Commands: kind, length (two bytes), that many bytes. The first byte of all is the reader's room.
  if (size < 1) return 0;
  const size_t room = 1 + data[0] * 256;
  Result<net::SocketPair> pair = net::loopback_pair();
  require(pair.ok());
  Result<std::unique_ptr<Connection>> connection =
      Connection::create(std::move(pair->first), state_of(1), state_of(2),
                         {.kernel = KernelPolicy::off, .receive_buffer = data[0] % 2 == 0 ? 1u : 65536u});
  require(connection.ok());
  (*connection)->on_ticket = [](Bytes message) { require(message.size() >= 4); };
  Result<std::unique_ptr<RecordProtection>> forge = create_protection(state_of(2), Aead::Direction::seal);
  require(forge.ok());
  const int peer = pair->second.get();
  Bytes rest = {data + 1, size - 1};
  while (rest.size() >= 3) {
    const uint8_t kind = rest[0];
    const size_t length = std::min<size_t>((rest[1] << 8 | rest[2]) % (kMaxPlaintext + 300), rest.size() - 3);
    Bytes content = rest.subspan(3, length);
    rest = rest.subspan(3 + length);
    if (kind % 8 == 7) {
      require((*forge)->update_key().ok());
    } else if (kind % 8 == 6) {
      if (!content.empty()) send(peer, content.data(), content.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
      uint8_t record[kHeaderLength + kMaxPlaintext + 400];
      const auto type = static_cast<ContentType>(kind % 8 == 5 ? kind : 21 + kind % 3);
      require((*forge)->seal(type, content, record).ok());
      send(peer, record, content.size() + (*forge)->overhead(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (!drain(**connection, room)) return 0;
  }
  pair->second.reset();
  drain(**connection, room);
  return 0;
}

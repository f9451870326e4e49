#include "wire/hello.h"

namespace ktls::wire {

namespace {

enum Flag : uint16_t {
  kFollowsKeyUpdate = 1 << 0,
  kVerify = 1 << 1,
  kOwnership = 1 << 2,
  kContinueOnError = 1 << 3,
};

Status check_opening(Reader& reader, const char* frame) {
  Bytes magic = reader.bytes(sizeof kMagic);
  uint16_t version = reader.u16();
  if (!reader.good() || !std::ranges::equal(magic, kMagic)) {
    return Status::fail(Code::protocol, std::string("the peer does not speak the transfer protocol (no ") +
                                            frame + "): is that the right host and port?");
  }
  if (version != kVersion) {
    return Status::fail(Code::protocol_version, "the peer speaks version " + std::to_string(version) +
                                                    " of the transfer protocol, this end version " +
                                                    std::to_string(kVersion) + ": update the older one");
  }
  return Status();
}

}  // namespace

void Hello::write(Writer& writer) const {
  writer.begin(FrameType::hello);
  writer.bytes(kMagic);
  writer.u16(kVersion);
  writer.u8(static_cast<uint8_t>(kind));
  writer.u16((follows_key_update ? kFollowsKeyUpdate : 0) | (verify ? kVerify : 0) |
             (ownership ? kOwnership : 0) | (continue_on_error ? kContinueOnError : 0));
  writer.u8(connections);
  writer.bytes(token);
  writer.bytes(hash_key);
  writer.u8(static_cast<uint8_t>(path.size()));
  for (const std::string& component : path) writer.name(component);
  writer.end();
}

// Bytes behind the last field are ignored: a later version may append some.
Result<Hello> Hello::parse(Bytes payload) {
  Reader reader(payload);
  KTLS_TRY(check_opening(reader, "HELLO"));
  Hello hello;
  uint8_t kind = reader.u8();
  if (kind < 1 || kind > 3) return malformed("HELLO");
  hello.kind = static_cast<HelloKind>(kind);
  uint16_t flags = reader.u16();
  hello.follows_key_update = flags & kFollowsKeyUpdate;
  hello.verify = flags & kVerify;
  hello.ownership = flags & kOwnership;
  hello.continue_on_error = flags & kContinueOnError;
  hello.connections = reader.u8();
  reader.copy(hello.token);
  reader.copy(hello.hash_key);
  size_t components = reader.u8();
  if (components > kMaxPathComponents) return malformed("HELLO");
  for (size_t i = 0; i < components; i++) hello.path.emplace_back(reader.name());
  if (!reader.good() || hello.connections == 0) return malformed("HELLO");
  return hello;
}

void HelloOk::write(Writer& writer) const {
  writer.begin(FrameType::hello_ok);
  writer.bytes(kMagic);
  writer.u16(kVersion);
  writer.u16(follows_key_update ? kFollowsKeyUpdate : 0);
  writer.u8(connections);
  writer.bytes(token);
  writer.end();
}

Result<HelloOk> HelloOk::parse(Bytes payload) {
  Reader reader(payload);
  KTLS_TRY(check_opening(reader, "HELLO_OK"));
  HelloOk answer;
  answer.follows_key_update = reader.u16() & kFollowsKeyUpdate;
  answer.connections = reader.u8();
  reader.copy(answer.token);
  if (!reader.good() || answer.connections == 0) return malformed("HELLO_OK");
  return answer;
}

}  // namespace ktls::wire

// The frames that carry a tree: what may follow HELLO and HELLO_OK from the sender.
//
// Names point into the payload that was parsed: they live as long as it does.
#pragma once

#include <string_view>

#include "wire/reader.h"
#include "wire/writer.h"

namespace ktls::wire {

// mode u16, uid u32, gid u32, mtime seconds i64, nanoseconds u32.
struct Attributes {
  uint16_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t mtime_seconds = 0;
  uint32_t mtime_nanoseconds = 0;

  void write(Writer& writer) const;
  static Attributes read(Reader& reader);
};

// A directory and its number in this session. Sent on each connection before the first frame there
// that names it, parents first. Number 0 is the root: its parent is 0, its name empty.
struct DirectoryFrame {
  uint32_t id = 0;
  uint32_t parent = 0;
  Attributes attributes;
  std::string_view name;

  void write(Writer& writer) const;
  static Result<DirectoryFrame> parse(Bytes payload);
};

// Opens a file on this connection; file_data and file_end (or file_abort) follow.
struct FileHeader {
  uint32_t directory = 0;
  uint64_t size = 0;
  Attributes attributes;
  std::string_view name;

  void write(Writer& writer) const;
  static Result<FileHeader> parse(Bytes payload);
};

struct SymlinkFrame {
  uint32_t directory = 0;
  Attributes attributes;
  std::string_view name;
  std::string_view target;

  void write(Writer& writer) const;
  static Result<SymlinkFrame> parse(Bytes payload);
};

// Another name of a file that arrived before.
struct HardLinkFrame {
  uint32_t directory = 0;
  std::string_view name;
  uint32_t target_directory = 0;
  std::string_view target_name;

  void write(Writer& writer) const;
  static Result<HardLinkFrame> parse(Bytes payload);
};

// A file whose content travels in blocks, on any connection. Sent on each connection before the
// first of its blocks there, the same every time.
struct BlockFile {
  uint32_t file = 0;
  FileHeader header;

  void write(Writer& writer) const;
  static Result<BlockFile> parse(Bytes payload);
};

// Opens a block on this connection; file_data and block_end follow.
struct Block {
  uint32_t file = 0;
  uint64_t offset = 0;
  uint64_t length = 0;

  void write(Writer& writer) const;
  static Result<Block> parse(Bytes payload);
};

// All blocks of the file were sent; not `whole`: it is given up, and its content is not to be kept.
struct BlockFileEnd {
  uint32_t file = 0;
  bool whole = true;

  void write(Writer& writer) const;
  static Result<BlockFileEnd> parse(Bytes payload);
};

}  // namespace ktls::wire

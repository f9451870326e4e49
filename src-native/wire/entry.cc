#include "wire/entry.h"

namespace ktls::wire {

namespace {

constexpr uint32_t kNanosecondsPerSecond = 1'000'000'000;

bool valid(const Attributes& attributes) {
  return attributes.mode <= 07777 && attributes.mtime_nanoseconds < kNanosecondsPerSecond;
}

void write_header_fields(Writer& writer, const FileHeader& header) {
  writer.u32(header.directory);
  writer.u64(header.size);
  header.attributes.write(writer);
  writer.name(header.name);
}

FileHeader read_header_fields(Reader& reader) {
  FileHeader header;
  header.directory = reader.u32();
  header.size = reader.u64();
  header.attributes = Attributes::read(reader);
  header.name = reader.name();
  return header;
}

// off_t is signed.
bool valid(const FileHeader& header) {
  return valid(header.attributes) && header.size <= uint64_t{INT64_MAX};
}

}  // namespace

void Attributes::write(Writer& writer) const {
  writer.u16(mode);
  writer.u32(uid);
  writer.u32(gid);
  writer.u64(static_cast<uint64_t>(mtime_seconds));
  writer.u32(mtime_nanoseconds);
}

Attributes Attributes::read(Reader& reader) {
  Attributes attributes;
  attributes.mode = reader.u16();
  attributes.uid = reader.u32();
  attributes.gid = reader.u32();
  attributes.mtime_seconds = static_cast<int64_t>(reader.u64());
  attributes.mtime_nanoseconds = reader.u32();
  return attributes;
}

void DirectoryFrame::write(Writer& writer) const {
  writer.begin(FrameType::directory);
  writer.u32(id);
  writer.u32(parent);
  attributes.write(writer);
  writer.name(name);
  writer.end();
}

Result<DirectoryFrame> DirectoryFrame::parse(Bytes payload) {
  Reader reader(payload);
  DirectoryFrame frame;
  frame.id = reader.u32();
  frame.parent = reader.u32();
  frame.attributes = Attributes::read(reader);
  frame.name = reader.name();
  if (!reader.complete() || !valid(frame.attributes)) return malformed("DIR");
  return frame;
}

void FileHeader::write(Writer& writer) const {
  writer.begin(FrameType::file_header);
  write_header_fields(writer, *this);
  writer.end();
}

Result<FileHeader> FileHeader::parse(Bytes payload) {
  Reader reader(payload);
  FileHeader header = read_header_fields(reader);
  if (!reader.complete() || !valid(header)) return malformed("FILE_HDR");
  return header;
}

void SymlinkFrame::write(Writer& writer) const {
  writer.begin(FrameType::symlink);
  writer.u32(directory);
  attributes.write(writer);
  writer.name(name);
  writer.text(target, kMaxTargetLength);
  writer.end();
}

Result<SymlinkFrame> SymlinkFrame::parse(Bytes payload) {
  Reader reader(payload);
  SymlinkFrame frame;
  frame.directory = reader.u32();
  frame.attributes = Attributes::read(reader);
  frame.name = reader.name();
  frame.target = reader.text(kMaxTargetLength);
  bool usable = !frame.target.empty() && frame.target.find('\0') == std::string_view::npos;
  if (!reader.complete() || !valid(frame.attributes) || !usable) return malformed("SYMLINK");
  return frame;
}

void HardLinkFrame::write(Writer& writer) const {
  writer.begin(FrameType::hard_link);
  writer.u32(directory);
  writer.name(name);
  writer.u32(target_directory);
  writer.name(target_name);
  writer.end();
}

Result<HardLinkFrame> HardLinkFrame::parse(Bytes payload) {
  Reader reader(payload);
  HardLinkFrame frame;
  frame.directory = reader.u32();
  frame.name = reader.name();
  frame.target_directory = reader.u32();
  frame.target_name = reader.name();
  if (!reader.complete()) return malformed("HARD_LINK");
  return frame;
}

void BlockFile::write(Writer& writer) const {
  writer.begin(FrameType::block_file);
  writer.u32(file);
  write_header_fields(writer, header);
  writer.end();
}

Result<BlockFile> BlockFile::parse(Bytes payload) {
  Reader reader(payload);
  BlockFile frame;
  frame.file = reader.u32();
  frame.header = read_header_fields(reader);
  if (!reader.complete() || !valid(frame.header)) return malformed("BLOCK_FILE");
  return frame;
}

void Block::write(Writer& writer) const {
  writer.begin(FrameType::block);
  writer.u32(file);
  writer.u64(offset);
  writer.u64(length);
  writer.end();
}

Result<Block> Block::parse(Bytes payload) {
  Reader reader(payload);
  Block frame;
  frame.file = reader.u32();
  frame.offset = reader.u64();
  frame.length = reader.u64();
  if (!reader.complete()) return malformed("BLOCK");
  return frame;
}

void BlockFileEnd::write(Writer& writer) const {
  writer.begin(FrameType::block_file_end);
  writer.u32(file);
  writer.u8(whole ? 1 : 0);
  writer.end();
}

Result<BlockFileEnd> BlockFileEnd::parse(Bytes payload) {
  Reader reader(payload);
  BlockFileEnd frame;
  frame.file = reader.u32();
  uint8_t whole = reader.u8();
  if (!reader.complete() || whole > 1) return malformed("BLOCK_FILE_END");
  frame.whole = whole == 1;
  return frame;
}

}  // namespace ktls::wire

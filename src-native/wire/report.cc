#include "wire/report.h"

namespace ktls::wire {

Report Report::from(const Status& status) {
  return {code_name(status.code()), static_cast<uint32_t>(status.error_number()), status.path(),
          status.message()};
}

Status Report::to_status() const {
  Code known = code_by_name(code);
  // That the peer was cancelled does not mean that this end was.
  if (known == Code::ok || known == Code::cancelled) known = Code::peer;
  return Status::reported(known, static_cast<int>(error_number), path, "the peer reports: " + message);
}

void Report::write(Writer& writer, FrameType type) const {
  writer.begin(type);
  writer.name(std::string_view(code).substr(0, kMaxNameLength));
  writer.u32(error_number);
  writer.text(path, kMaxPathText);
  writer.text(message, kMaxMessageText);
  writer.end();
}

Result<Report> Report::parse(Bytes payload) {
  Reader reader(payload);
  Report report;
  report.code = reader.name();
  report.error_number = reader.u32();
  report.path = reader.text(kMaxPathText);
  report.message = reader.text(kMaxMessageText);
  // errno values end below 4096 (the kernel's MAX_ERRNO).
  if (!reader.complete() || report.error_number > 4095) return malformed("ERROR");
  return report;
}

void Tally::write(Writer& writer, FrameType type) const {
  writer.begin(type);
  writer.u64(files);
  writer.u64(bytes);
  writer.u8(final ? 1 : 0);
  writer.end();
}

Result<Tally> Tally::parse(Bytes payload) {
  Reader reader(payload);
  Tally tally;
  tally.files = reader.u64();
  tally.bytes = reader.u64();
  tally.final = reader.u8() == 1;
  if (!reader.complete()) return malformed("PROGRESS");
  return tally;
}

void Counts::write(Writer& writer) const {
  writer.begin(FrameType::all_done);
  for (uint64_t count : {files, directories, symlinks, hard_links, bytes, failed}) writer.u64(count);
  writer.end();
}

Result<Counts> Counts::parse(Bytes payload) {
  Reader reader(payload);
  Counts counts;
  for (uint64_t* count : {&counts.files, &counts.directories, &counts.symlinks, &counts.hard_links,
                          &counts.bytes, &counts.failed}) {
    *count = reader.u64();
  }
  if (!reader.complete()) return malformed("ALL_DONE");
  return counts;
}

}  // namespace ktls::wire

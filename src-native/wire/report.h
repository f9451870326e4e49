// The frames in which the two ends tell each other how it goes.
#pragma once

#include <string>

#include "wire/reader.h"
#include "wire/writer.h"

namespace ktls::wire {

// error (ends the session), file_error (a file could not be written), skipped (an entry is not
// sent): the same fields.
struct Report {
  std::string code;           // a permanent code: base/code.h
  uint32_t error_number = 0;  // errno where a system call failed (Linux, asm-generic numbers)
  std::string path;           // relative to the tree; may be empty
  std::string message;

  static Report from(const Status& status);
  // As this end sees it: the same code and errno, the message marked as the peer's.
  Status to_status() const;

  void write(Writer& writer, FrameType type) const;
  static Result<Report> parse(Bytes payload);
};

// totals (what the sender's walk has seen so far) and progress (what the receiver has written).
struct Tally {
  uint64_t files = 0;
  uint64_t bytes = 0;
  bool final = false;

  void write(Writer& writer, FrameType type) const;
  static Result<Tally> parse(Bytes payload);
};

// all_done: the sender's counts of what it sent, then the receiver's of what it holds under final
// names.
struct Counts {
  uint64_t files = 0;
  uint64_t directories = 0;  // the root not counted
  uint64_t symlinks = 0;
  uint64_t hard_links = 0;
  uint64_t bytes = 0;   // of file content
  uint64_t failed = 0;  // receiver: entries that arrived but could not be written; sender: skipped

  // Everything but bytes and failed.
  uint64_t entries() const { return files + directories + symlinks + hard_links; }

  void write(Writer& writer) const;
  static Result<Counts> parse(Bytes payload);
};

}  // namespace ktls::wire

// The large files of a session as the receiver sees them: their blocks come on any connection, in any
// order.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "fs/sink.h"
#include "wire/entry.h"

namespace ktls::engine {

// One of them. `sink` is null when the file could not be made: its blocks are then read and dropped.
struct BlockFile {
  uint32_t id;
  uint32_t directory;
  std::string name;
  uint64_t size;
  fs::Metadata metadata;
  std::unique_ptr<fs::FileSink> sink;
  std::mutex writing;  // held by who writes a block's content
  // Guarded by BlockFiles' mutex.
  uint64_t missing = 0;                  // bytes
  std::map<uint64_t, uint64_t> claimed;  // begin and end of what blocks fill, adjacent ones as one
  std::optional<bool> whole;             // what block_file_end said
  bool failed = false;                   // a block could not be written
};

class BlockFiles {
 public:
  // Announced by a connection. The first time the file is made; later it must be the same again.
  // `reason` is set when this call could not make it; not tried where its directory is missing.
  Result<std::shared_ptr<BlockFile>> announce(const wire::BlockFile& frame, fs::Sink& sink,
                                              bool directory_missing, Status* reason);
  // protocol when it was not announced or has ended.
  Result<std::shared_ptr<BlockFile>> find(uint32_t id);

  // Takes a range of the file that a block will fill; protocol where it is outside, or taken already.
  Status claim(BlockFile& file, uint64_t offset, uint64_t length);
  // Whether nobody has before: the blocks of one file may fail on several connections at once, and it is
  // reported by one.
  bool mark_failed(BlockFile& file);
  bool has_failed(const BlockFile& file);

  enum class State : uint8_t { open, whole, given_up, failed };
  // A block has arrived whole, or (length 0, `whole` set) the sender has ended the file. The caller
  // that is told anything but `open` finishes the file: nobody else has it any more.
  Result<State> advance(const std::shared_ptr<BlockFile>& file, uint64_t length, std::optional<bool> whole);

  bool empty();
  // Gives up what is open, and with it the temporary files. To be called when no worker is left.
  void clear();

 private:
  // A sender has at most one open for each connection.
  static constexpr size_t kMaxOpen = 1024;
  // An honest sender's blocks go up each file; it leaves gaps only where a connection lags.
  static constexpr size_t kMaxRanges = size_t{1} << 18;

  std::mutex mutex_;  // guards everything below
  std::map<uint32_t, std::shared_ptr<BlockFile>> files_;
  size_t ranges_ = 0;  // in all files
};

}  // namespace ktls::engine

#include "engine/block_files.h"

#include <errno.h>

#include <iterator>
#include <utility>

namespace ktls::engine {

Result<std::shared_ptr<BlockFile>> BlockFiles::announce(const wire::BlockFile& frame, fs::Sink& sink,
                                                        bool directory_missing, Status* reason) {
  std::lock_guard lock(mutex_);
  const wire::FileHeader& header = frame.header;
  if (auto known = files_.find(frame.file); known != files_.end()) {
    const BlockFile& file = *known->second;
    if (file.directory != header.directory || file.name != header.name || file.size != header.size) {
      return Status::fail(Code::protocol, "the peer announced two different files under one number");
    }
    return known->second;
  }
  if (header.size == 0) return wire::malformed("BLOCK_FILE");
  if (files_.size() >= kMaxOpen) {
    return Status::fail(Code::limit,
                        "the peer opened more than " + std::to_string(kMaxOpen) + " files at once");
  }
  auto file = std::make_shared<BlockFile>();
  file->id = frame.file;
  file->directory = header.directory;
  file->name = header.name;
  file->size = file->missing = header.size;
  const wire::Attributes& attributes = header.attributes;
  file->metadata = {attributes.mode, attributes.uid, attributes.gid, attributes.mtime_seconds,
                    attributes.mtime_nanoseconds};
  Result<std::unique_ptr<fs::FileSink>> made =
      directory_missing ? Status::system("openat", ENOENT)
                        : sink.create_file(header.directory, file->name, header.size);
  if (made.ok()) {
    file->sink = std::move(*made);
  } else {
    file->failed = true;
    *reason = std::move(made).status();
  }
  files_.emplace(frame.file, file);
  return file;
}

Result<std::shared_ptr<BlockFile>> BlockFiles::find(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto known = files_.find(id);
  if (known == files_.end())
    return Status::fail(Code::protocol, "the peer sent a block of a file it has not announced");
  return known->second;
}

Status BlockFiles::claim(BlockFile& file, uint64_t offset, uint64_t length) {
  std::lock_guard lock(mutex_);
  bool inside = length > 0 && offset < file.size && length <= file.size - offset;
  if (!inside) return wire::malformed("BLOCK");
  uint64_t end = offset + length;
  auto after = file.claimed.lower_bound(offset);
  auto before = after == file.claimed.begin() ? file.claimed.end() : std::prev(after);
  bool overlaps = (after != file.claimed.end() && after->first < end) ||
                  (before != file.claimed.end() && before->second > offset);
  if (overlaps) return Status::fail(Code::protocol, "the peer sent blocks that overlap");
  if (after != file.claimed.end() && after->first == end) {
    end = after->second;
    file.claimed.erase(after);
    ranges_--;
  }
  if (before != file.claimed.end() && before->second == offset) {
    before->second = end;
    return Status();
  }
  if (ranges_ >= kMaxRanges) return Status::fail(Code::limit, "the peer leaves too many gaps in large files");
  file.claimed.emplace(offset, end);
  ranges_++;
  return Status();
}

bool BlockFiles::mark_failed(BlockFile& file) {
  std::lock_guard lock(mutex_);
  return !std::exchange(file.failed, true);
}

bool BlockFiles::has_failed(const BlockFile& file) {
  std::lock_guard lock(mutex_);
  return file.failed;
}

Result<BlockFiles::State> BlockFiles::advance(const std::shared_ptr<BlockFile>& file, uint64_t length,
                                              std::optional<bool> whole) {
  std::lock_guard lock(mutex_);
  if (length > file->missing || (whole.has_value() && file->whole.has_value())) {
    return Status::fail(Code::protocol, "the peer sent more of a file than it announced");
  }
  file->missing -= length;
  if (whole.has_value()) file->whole = whole;
  if (file->missing > 0 || !file->whole.has_value()) return State::open;
  ranges_ -= file->claimed.size();
  files_.erase(file->id);
  if (file->failed) return *file->whole ? State::failed : State::given_up;
  return *file->whole ? State::whole : State::given_up;
}

void BlockFiles::clear() {
  std::lock_guard lock(mutex_);
  files_.clear();
  ranges_ = 0;
}

bool BlockFiles::empty() {
  std::lock_guard lock(mutex_);
  return files_.empty();
}

}  // namespace ktls::engine

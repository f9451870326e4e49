#include "fs/file_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fs/attributes.h"
#include "fs/write_all.h"

namespace ktls::fs {

namespace {

constexpr uint64_t kReserveFrom = uint64_t{1} << 20;

Status reserve(int fd, uint64_t size) {
  if (size == 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) == 0) return Status();
  // What else it may say means that the file system knows no reservations.
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return Status::system("fallocate", errno);
  return Status();
}

}  // namespace

TreeFileSink::TreeFileSink(std::shared_ptr<TreeSink> sink, uint32_t directory_id,
                           DirectoryTable::Handle directory, const std::string& name)
    : sink_(std::move(sink)),
      directory_id_(directory_id),
      name_(name),
      slot_(std::move(directory), name_, sink_->names_) {}

TreeFileSink::~TreeFileSink() { sink_->reservations_.give_back(reserved_); }

Status TreeFileSink::make(uint64_t expected) {
  KTLS_TRY(slot_.check_target(sink_->options_.overwrite));
  // Its mode comes with finish().
  Result<Fd> file = slot_.make_file(0600);
  if (!file.ok()) return std::move(file).status();
  file_ = std::move(*file);
  if (expected >= kReserveFrom) reserved_ = sink_->reservations_.take(expected);
  return reserve(file_.get(), reserved_);
}

Status TreeFileSink::write(Bytes data) { return named(write_all(file_.get(), data)); }

Status TreeFileSink::write_at(Bytes data, uint64_t offset) {
  return named(write_all_at(file_.get(), data, offset));
}

Status TreeFileSink::finish(uint64_t size, const Metadata& metadata) {
  KTLS_TRY(check_metadata(metadata));
  // Gives back what was reserved beyond the end as well.
  if (ftruncate(file_.get(), static_cast<off_t>(size)) != 0) return named(Status::system("ftruncate", errno));
  Status status = sink_->finish_file(file_, metadata, false);
  if (status.ok()) status = slot_.finish(sink_->options_.overwrite);
  return named(std::move(status));
}

Status TreeFileSink::named(Status status) const {
  return status.ok() ? Status() : sink_->name_error(std::move(status), directory_id_, name_);
}

}  // namespace ktls::fs

// A file that a TreeSink receives piece by piece.
#pragma once

#include <memory>
#include <string>

#include "fs/slot.h"
#include "fs/tree_sink.h"

namespace ktls::fs {

class TreeFileSink final : public FileSink {
 public:
  TreeFileSink(std::shared_ptr<TreeSink> sink, uint32_t directory_id, DirectoryTable::Handle directory,
               const std::string& name);
  ~TreeFileSink() override;

  // `expected` bytes are reserved on the disk, within bounds. The Status carries no path.
  Status make(uint64_t expected);

  int fd() const override { return file_.get(); }
  Status write(Bytes data) override;
  Status write_at(Bytes data, uint64_t offset) override;
  Status finish(uint64_t size, const Metadata& metadata) override;

 private:
  Status named(Status status) const;

  const std::shared_ptr<TreeSink> sink_;
  const uint32_t directory_id_;
  const std::string name_;
  Slot slot_;  // borrows name_
  Fd file_;
  uint64_t reserved_ = 0;  // of sink_'s reservations
};

}  // namespace ktls::fs

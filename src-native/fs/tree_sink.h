// The sink of a transfer: what stands behind fs/sink.h.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fs/directory_table.h"
#include "fs/reservations.h"
#include "fs/sink.h"
#include "fs/slot.h"
#include "fs/temporary_name.h"

namespace ktls::fs {

// Keeps itself alive through its FileSinks.
class TreeSink final : public Sink, public std::enable_shared_from_this<TreeSink> {
 public:
  // Numbers of directories above directory 0 count down from here: a peer's are below kMaxDirectories.
  static constexpr uint32_t kAnchor = UINT32_MAX;
  static constexpr uint32_t kMaxDirectories = uint32_t{1} << 31;

  TreeSink(const SinkOptions& options, uint64_t key, uint32_t anchor_id, DirectoryTable::Handle anchor,
           bool preallocate);
  ~TreeSink() override;

  // Directory 0 was there, and was opened up: see unlock().
  void root_was_locked(uint32_t mode);
  // Makes or finds the directories that lead from the anchor to directory 0, its last.
  Status make_root(const std::vector<std::string>& names);

  Status add_directory(uint32_t id, uint32_t parent, const std::string& name,
                       const Metadata& metadata) override;
  Result<std::unique_ptr<FileSink>> create_file(uint32_t directory, const std::string& name,
                                                uint64_t size) override;
  Status write_file(uint32_t directory, const std::string& name, Bytes content,
                    const Metadata& metadata) override;
  Status symlink(uint32_t directory, const std::string& name, const std::string& target,
                 const Metadata& metadata) override;
  Status hard_link(uint32_t directory, const std::string& name, uint32_t target_directory,
                   const std::string& target_name) override;
  Status commit(const Cancel& cancel, const AttributesRefused& refused) override;
  void discard() override;
  std::string path_of(uint32_t directory, const std::string& name) const override;

 private:
  friend class TreeFileSink;

  // The directory that a peer means. Those above directory 0 are none of its business.
  Result<DirectoryTable::Handle> find(uint32_t directory);
  Status make_directory(uint32_t id, uint32_t parent, const std::string& name);
  Result<Fd> open_existing(int parent, uint32_t id, const std::string& name, DirectoryNode& node);
  Status make_small_file(Slot& slot, Bytes content, const Metadata& metadata);
  Status make_symlink(Slot& slot, const std::string& target, const Metadata& metadata);
  Status finish_file(Fd& file, const Metadata& metadata, bool mode_is_set);
  Status name_error(Status status, uint32_t directory, const std::string& name) const;
  Status finish_directory(uint32_t id, const Cancel& cancel, const AttributesRefused& refused);
  Status rename_directory(uint32_t id, const Cancel& cancel, const AttributesRefused& refused);
  Status sync_file_systems(const std::vector<uint32_t>& directories);

  const SinkOptions options_;
  const uint32_t umask_;
  const bool preallocate_;
  // What a peer can make us reserve by sizes alone.
  Reservations reservations_{uint64_t{1} << 30};
  TemporaryNames names_;
  DirectoryTable table_;
  // Held while a directory is made: several connections announce the same ones.
  std::mutex making_;
  std::vector<uint32_t> staged_tops_;  // guarded by making_: directories made under a temporary name
  std::vector<uint32_t> unlocked_;     // guarded by making_: those with a locked_mode, parents first
  bool committed_ = false;
};

}  // namespace ktls::fs

// Putting metadata onto what was received, by descriptor.
#pragma once

#include "base/status.h"
#include "fs/metadata.h"

namespace ktls::fs {

// Code::protocol when a value off the wire means something else to the kernel: nanoseconds beyond a
// second (UTIME_NOW and UTIME_OMIT are such), mode bits that are no permissions, an owner of -1.
Status check_metadata(const Metadata& metadata);

struct AttributeOptions {
  bool ownership = false;    // set uid and gid
  bool mode_is_set = false;  // the file was made with the permissions it is to have
};

// Owner, then mode (a change of owner clears set-user-ID), then time. Without `ownership`, a file keeps
// its set-user-ID and set-group-ID bits only when it belongs to the same ids here as there: else the
// program would run as somebody else than its sender meant. One that belongs to root here keeps none:
// what a peer says of owners alone must not make a program that runs as root. The Status carries no path.
Status set_attributes(int fd, const Metadata& metadata, AttributeOptions options);

// The same for a directory that was there before: what is right already is left alone, since only the
// owner could set it.
Status set_directory_attributes(int fd, const Metadata& metadata, bool ownership);

// Whether it failed because somebody else, or the file system, does not let us: what the directory holds
// is none the worse for it.
bool is_refusal(const Status& status);

}  // namespace ktls::fs

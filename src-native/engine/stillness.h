// Whether a file stayed as it was while it was read, by its size and its times. The kernel sets these when a
// write begins, and by a clock that moves on every few milliseconds: two writes within one step of it leave
// the same time. What is written through a memory map (mmap(2)) may not show.
#pragma once

#include <sys/stat.h>
#include <time.h>

#include "base/status.h"
#include "fs/walk.h"

namespace ktls::engine {

// Why an entry is skipped that was there when the walk saw it.
Status changed_while_read();

// The clock that files get their times from.
timespec file_clock();

// Whether the open file is the regular file that the walk saw, and was not touched since long before `since`,
// by that clock: what was read of it since then is of one version. Of a small file, whose writes are short.
bool still_as_walked(int file, const fs::Entry& entry, const timespec& since);

// What fstat(2) says of an open file, once its time lies a step of that clock back, so that every further
// write shows, and none is under way. file_changed when it is written again and again, or is not what the
// walk saw.
Result<struct stat> settled_attributes(int file, const fs::Entry& entry);
// Whether it still is what it was when settled_attributes() returned `before`.
bool unchanged(int file, const struct stat& before);

}  // namespace ktls::engine

#include "relay/pool.h"

#include <fcntl.h>

namespace ktls::relay {

namespace {

constexpr size_t kIdlePipes = 32;
constexpr size_t kIdleBuffers = 16;
constexpr unsigned kAttemptsToSpare = 256;

std::unique_ptr<Pipe> create_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return nullptr;
  auto pipe = std::make_unique<Pipe>(Pipe{Fd(ends[0]), Fd(ends[1]), 0});
  for (size_t size = kPipeSize; size >= kSmallestPipe; size /= 2) {
    int granted = fcntl(ends[1], F_SETPIPE_SZ, size);
    if (granted < 0) continue;
    pipe->size = granted;
    return pipe;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Pipe> Pools::take_pipe() {
  if (!pipes_.empty()) {
    auto pipe = std::move(pipes_.back());
    pipes_.pop_back();
    return pipe;
  }
  if (spared_attempts_ > 0) {
    spared_attempts_--;
    return nullptr;
  }
  auto pipe = create_pipe();
  if (!pipe) spared_attempts_ = kAttemptsToSpare;
  return pipe;
}

void Pools::give_back(std::unique_ptr<Pipe> pipe) {
  if (pipes_.size() < kIdlePipes) pipes_.push_back(std::move(pipe));
}

std::unique_ptr<Buffer> Pools::take_buffer() {
  if (buffers_.empty()) return std::make_unique<Buffer>();
  auto buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void Pools::give_back(std::unique_ptr<Buffer> buffer) {
  buffer->begin = buffer->end = 0;
  if (buffers_.size() < kIdleBuffers) buffers_.push_back(std::move(buffer));
}

}  // namespace ktls::relay

// How the bytes of one direction move, and what a relay tells about itself while it runs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace ktls::relay {

enum class Mode : uint8_t {
  // Only asked for, never reported: copy or splice, as the traffic turns out.
  automatic,
  copy,
  splice,
  sockmap,
};

// "auto", "copy", "splice", "sockmap".
const char* mode_name(Mode mode);

struct Options {
  Mode mode = Mode::automatic;
  // For Mode::sockmap: go on as `automatic` where the kernel refuses, instead of failing.
  bool fallback = false;
  // Neither direction moved a byte for this long; 0 for no limit.
  std::chrono::milliseconds idle_timeout{0};
  // The whole life of the relay; 0 for no limit.
  std::chrono::milliseconds timeout{0};
  // For Mode::sockmap: bytes that one side sent and the other has not acknowledged. Above it the
  // relay is torn down, because nothing else holds the sender back.
  uint64_t backlog_limit = uint64_t{64} << 20;
};

enum class Side : uint8_t { a, b };

// One direction, seen from outside: the loop's thread writes, any thread reads.
class Gauge {
 public:
  void add(Mode how, uint64_t bytes) { counter(how).fetch_add(bytes, std::memory_order_relaxed); }
  void set(Mode how, uint64_t bytes) { counter(how).store(bytes, std::memory_order_relaxed); }
  void choose(Mode mode, const char* reason) {
    if (mode_.exchange(mode, std::memory_order_relaxed) != mode) {
      changes_.fetch_add(1, std::memory_order_relaxed);
    }
    reason_.store(reason, std::memory_order_relaxed);
  }

  // Why the kernel does not move it, though a sockmap was asked for: a string literal, "" otherwise.
  void fall_back(const char* why) { fallback_.store(why, std::memory_order_relaxed); }

  uint64_t bytes(Mode how) const {
    return const_cast<Gauge*>(this)->counter(how).load(std::memory_order_relaxed);
  }
  uint64_t bytes() const { return bytes(Mode::copy) + bytes(Mode::splice) + bytes(Mode::sockmap); }
  Mode mode() const { return mode_.load(std::memory_order_relaxed); }
  // How often the mode changed after the first choice.
  uint32_t changes() const { return changes_.load(std::memory_order_relaxed); }
  // A string literal: never freed.
  const char* reason() const { return reason_.load(std::memory_order_relaxed); }
  const char* fallback() const { return fallback_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t>& counter(Mode how) {
    return how == Mode::sockmap ? mapped_ : how == Mode::splice ? spliced_ : copied_;
  }

  std::atomic<uint64_t> copied_{0};
  std::atomic<uint64_t> spliced_{0};
  std::atomic<uint64_t> mapped_{0};
  std::atomic<uint32_t> changes_{0};
  std::atomic<Mode> mode_{Mode::copy};
  std::atomic<const char*> reason_{""};
  std::atomic<const char*> fallback_{""};
};

// Both directions of a relay, alive as long as anybody looks.
struct Gauges {
  Gauge a_to_b;
  Gauge b_to_a;
};

}  // namespace ktls::relay

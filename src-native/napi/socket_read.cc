// The reading half of Socket: what comes, to JavaScript.
#include <errno.h>

#include <algorithm>

#include "napi/addon.h"
#include "napi/error.h"
#include "napi/socket.h"

namespace ktls::napi {

namespace {

// One connection does not keep the loop from the others.
constexpr size_t kReadsPerEvent = 8;
// A little must not hold a whole slab: it is lent, and JavaScript copies it, which allocates faster than we
// do.
constexpr size_t kLent = 4096;

}  // namespace

Napi::Value Socket::read_start(const Napi::CallbackInfo& info) {
  if (poll_ == nullptr) return Napi::Boolean::New(info.Env(), false);
  reading_ = true;
  rearm();
  return Napi::Boolean::New(info.Env(), state_->connection->has_buffered());
}

void Socket::read_stop(const Napi::CallbackInfo&) {
  reading_ = false;
  rearm();
}

void Socket::pump(const Napi::CallbackInfo&) {
  read_available(false);
  rearm();
}

void Socket::read_available(bool polled) {
  // A callback may close the socket while read() has more to say.
  const std::shared_ptr<State> state = state_;
  ReadSlab& slab = Env().GetInstanceData<AddonData>()->slab;
  for (size_t reads = 0; reading_ && poll_ != nullptr; ++reads) {
    tls::Connection& connection = *state->connection;
    // What waits in our own memory would not wake the loop again.
    if (reads >= kReadsPerEvent && !connection.has_buffered()) return;
    Napi::HandleScope scope(Env());
    MutableBytes room = slab.room(Env());
    if (room.empty()) {
      reading_ = false;
      tell_no_memory();
      return;
    }
    room = room.first(std::min<size_t>(room.size(), 128 * 1024));
    Result<size_t> got = connection.read(room);
    if (!deliver_tickets()) return;
    if (got.ok()) {
      if (*got == 0) continue;
      if (!deliver(*got)) return;
      // What comes with a little is rare: if it does, the loop says so, for less than asking here costs.
      if (polled && *got <= kLent && !connection.has_buffered()) return;
      continue;
    }
    if (got.is(Code::would_block)) return;
    reading_ = false;
    if (got.is(Code::end_of_stream)) {
      call(on_end_, {});
    } else {
      call(on_end_, {to_error(Env(), got.status()), Napi::Number::New(Env(), connection.peer_alert())});
    }
    return;
  }
}

// Without an exception the environment is going, and nobody is left to be told.
void Socket::tell_no_memory() {
  if (!Env().IsExceptionPending()) return;
  Env().GetAndClearPendingException();
  call(on_end_, {to_error(Env(), Status::system("malloc", ENOMEM)), Napi::Number::New(Env(), -1)});
}

bool Socket::deliver_tickets() {
  const std::vector<std::string> tickets = std::exchange(state_->tickets, {});
  for (const std::string& ticket : tickets) {
    if (poll_ == nullptr) return false;
    call(on_ticket_, {Napi::Buffer<char>::Copy(Env(), ticket.data(), ticket.size())});
  }
  return poll_ != nullptr;
}

bool Socket::deliver(size_t length) {
  Napi::Env env = Env();
  ReadSlab& slab = env.GetInstanceData<AddonData>()->slab;
  bytes_read_ += length;
  const size_t start = slab.used();
  const bool lent = length <= kLent;
  if (!lent) slab.give(length);
  call(on_read_,
       {slab.buffer(), Napi::Number::New(env, static_cast<double>(start)),
        Napi::Number::New(env, static_cast<double>(start + length)), Napi::Boolean::New(env, lent)});
  return poll_ != nullptr;
}

}  // namespace ktls::napi

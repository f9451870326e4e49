#include "napi/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>

#include "napi/addon.h"
#include "napi/callback.h"
#include "napi/create_connection.h"
#include "napi/descriptors.h"
#include "napi/error.h"
#include "napi/send_service.h"
#include "napi/socket_options.h"

namespace ktls::napi {

namespace {

// There may be thousands of sockets: one recv of our own record layer takes eight records. One send, whose
// memory idle sockets do without, has sixteen.
constexpr size_t kRecord = tls::kMaxCiphertext + tls::kHeaderLength;
constexpr size_t kReceiveBuffer = 8 * kRecord;
constexpr size_t kSendBatch = 16 * kRecord;
// Bytes that one event may encrypt on the loop's thread before others get their turn.
constexpr size_t kWriteBudget = 1024 * 1024;
// A range that is sent from the loop's thread, while that has time or nobody else has: another thread costs
// more than sealing it holds up.
constexpr size_t kSentAtOnce = tls::kSendBuffer;
// Of a longer one the loop's thread sends three pieces where the other threads have nothing to do and would
// have to be woken first, unless that is nothing beside the rest.
constexpr size_t kHeadStart = tls::kMaxPlaintext + 2 * tls::kMaxPlaintext + tls::kLargestPiece;
constexpr size_t kWorthAHeadStart = 1024 * 1024;

struct SentAtOnce {
  size_t first_piece;
  size_t most;
};

// What the loop's thread sends of a range itself; none where others are to. The shorter the first piece, the
// sooner its peer has something to do; a loop that has others to serve makes fewer calls.
std::optional<SentAtOnce> sent_at_once(size_t count, size_t head, AddonData& data) {
  if (count <= kSentAtOnce) {
    switch (data.load.look()) {
      case LoopLoad::State::has_time:
        return SentAtOnce{tls::kMaxPlaintext, head + count};
      case LoopLoad::State::has_none:
        return SentAtOnce{tls::kLargestPiece, head + count};
      case LoopLoad::State::wants_help:
        return std::nullopt;
    }
  }
  const bool idle = data.sends == nullptr || data.sends->idle();
  const bool worth = count <= kWorthAHeadStart && idle && data.load.look() == LoopLoad::State::has_time;
  return worth ? std::optional(SentAtOnce{tls::kMaxPlaintext, kHeadStart}) : std::nullopt;
}

// As write(2) says of memory that is none.
Status memory_gone() { return Status::system("write", EFAULT); }

}  // namespace

Napi::Function Socket::define(Napi::Env env) {
  return DefineClass(env, "Socket",
                     {
                         InstanceMethod<&Socket::read_start>("readStart"),
                         InstanceMethod<&Socket::read_stop>("readStop"),
                         InstanceMethod<&Socket::pump>("pump"),
                         InstanceMethod<&Socket::write>("write"),
                         InstanceMethod<&Socket::update_key>("updateKey"),
                         InstanceMethod<&Socket::shut_down>("shutDown"),
                         InstanceMethod<&Socket::write_on_thread>("writeOnThread"),
                         InstanceMethod<&Socket::send_file>("sendFile"),
                         InstanceMethod<&Socket::cancel_job>("cancelJob"),
                         InstanceMethod<&Socket::close>("close"),
                         InstanceMethod<&Socket::set_referenced>("setReferenced"),
                         InstanceMethod<&Socket::set_no_delay>("setNoDelay"),
                         InstanceMethod<&Socket::set_keep_alive>("setKeepAlive"),
                         InstanceMethod<&Socket::address>("address"),
                         InstanceAccessor<&Socket::record>("record"),
                         InstanceAccessor<&Socket::bytes_read>("bytesRead"),
                         InstanceAccessor<&Socket::bytes_written>("bytesWritten"),
                     });
}

Socket::Socket(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Socket>(info),
      on_read_(Napi::Weak(info[1].As<Napi::Function>())),
      on_end_(Napi::Weak(info[2].As<Napi::Function>())),
      on_written_(Napi::Weak(info[3].As<Napi::Function>())),
      on_ticket_(Napi::Weak(info[4].As<Napi::Function>())),
      context_(info.Env(), "KTLSSOCKET") {
  Napi::Env env = info.Env();
  // The callbacks live as long as this object: held by us, they would hold whoever holds it, for ever.
  Napi::Array callbacks = Napi::Array::New(env, 4);
  for (uint32_t i = 0; i < 4; ++i) (void)callbacks.Set(i, info[i + 1]);
  (void)Value().Set("callbacks", callbacks);
  tls::ConnectionOptions wanted;
  wanted.receive_buffer = kReceiveBuffer;
  wanted.send_batch = kSendBatch;
  Result<std::unique_ptr<tls::Connection>> connection = create_connection(info[0].As<Napi::Object>(), wanted);
  if (!connection.ok()) {
    throw_error(env, connection.status());
    return;
  }
  report_ = (*connection)->report();
  Result<Poll*> poll = Poll::open(env, (*connection)->fd(), *this);
  if (!poll.ok()) {
    throw_error(env, poll.status());
    return;
  }
  poll_ = *poll;
  State* state = state_.get();
  (*connection)->on_ticket = [state](Bytes message) {
    state->tickets.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
  };
  state_->connection = std::move(*connection);
}

Socket::~Socket() {
  // The JavaScript object is gone: it must not be unreferenced any more.
  holds_ = 0;
  watched_ = 0;
  close_now();
}

// --- Writing -----------------------------------------------------------------------------------------

void Socket::drop_chunks() {
  queue_ = {};
  chunks_.drop();
}

bool Socket::may_write(Napi::Env env) {
  if (poll_ != nullptr && job_ == 0 && !writing_) return true;
  throw_error(env, Status::system("write", EPIPE));
  return false;
}

Napi::Value Socket::write(const Napi::CallbackInfo& info) {
  if (!may_write(info.Env())) return info.Env().Undefined();
  queue_ = chunks_.take(info[0].As<Napi::Array>());
  return begin_write(info.Env());
}

Napi::Value Socket::shut_down(const Napi::CallbackInfo& info) {
  if (!may_write(info.Env())) return info.Env().Undefined();
  ending_ = true;
  return begin_write(info.Env());
}

Napi::Value Socket::update_key(const Napi::CallbackInfo& info) {
  if (!may_write(info.Env())) return info.Env().Undefined();
  key_update_ = info[0].As<Napi::Boolean>().Value();
  return begin_write(info.Env());
}

Napi::Value Socket::begin_write(Napi::Env env) {
  Status status = drain();
  writing_ = status.is(Code::would_block);
  if (!writing_) {
    drop_chunks();
    key_update_.reset();
    if (!status.ok()) throw_error(env, status);
  } else if (chunks_.many()) {
    queue_.own();
    chunks_.drop();
  }
  rearm();
  return Napi::Boolean::New(env, status.ok());
}

Status Socket::drain() {
  tls::Connection& connection = *state_->connection;
  size_t budget = kWriteBudget;
  while (!queue_.empty()) {
    if (budget == 0) return Status::of(Code::would_block);
    const Bytes data = queue_.front();
    Result<size_t> accepted = connection.write(data.first(std::min(data.size(), budget)));
    if (!accepted.ok()) return accepted.status();
    queue_.consume(*accepted);
    bytes_written_ += *accepted;
    budget -= *accepted;
  }
  if (key_update_) {
    KTLS_TRY(connection.update_key(*key_update_));
    key_update_.reset();
  }
  if (ending_) KTLS_TRY(connection.close_notify());
  KTLS_TRY(connection.flush());
  if (ending_) shutdown(connection.fd(), SHUT_WR);
  return {};
}

void Socket::finish_write(const Status& status) {
  writing_ = false;
  drop_chunks();
  if (status.ok()) {
    call(on_written_, {});
  } else {
    call(on_written_, {to_error(Env(), status)});
  }
}

// --- On other threads --------------------------------------------------------------------------------

Napi::Value Socket::start_job(Napi::Env env, tls::SendJob job, uint64_t before) {
  SendService* service = SendService::of(env);
  if (service == nullptr) return env.Undefined();
  hold();
  Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
  job_ = service->start(env, std::move(job), [this, deferred, before](Napi::Env env, const Status& status) {
    job_ = 0;
    // Other threads have no way to look before they read: the program is told at least.
    const Status ended = status.ok() && !chunks_.unchanged() ? memory_gone() : status;
    drop_chunks();
    // Closed meanwhile: the descriptor was kept for the job only.
    if (poll_ == nullptr) state_->connection.reset();
    if (ended.ok()) {
      deferred.Resolve(Napi::Number::New(env, static_cast<double>(state_->threaded - before)));
    } else {
      deferred.Reject(to_error(env, ended));
    }
    let_go();
  });
  return deferred.Promise();
}

std::shared_ptr<tls::Connection> Socket::shared_connection() { return {state_, state_->connection.get()}; }

std::shared_ptr<std::atomic<uint64_t>> Socket::shared_count() { return {state_, &state_->threaded}; }

Napi::Value Socket::write_on_thread(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!may_write(env)) return env.Undefined();
  tls::ChunkQueue chunks = chunks_.take(info[0].As<Napi::Array>());
  // Copying all would cost an eighth to a third of the processor's time.
  if (chunks_.many() || chunks_.resizable()) {
    chunks.own();
    chunks_.drop();
  }
  return start_job(env, tls::SendJob(shared_connection(), std::move(chunks), {}, shared_count()),
                   state_->threaded);
}

Napi::Value Socket::send_file(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const bool given = info[4].As<Napi::Boolean>().Value();
  Fd file = given ? take_descriptor(info[0]) : Fd();
  if (!may_write(env)) return env.Undefined();
  // Where it is JavaScript's, it may be closed while the job runs.
  if (!given) file = Fd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!file) {
    throw_error(env, Status::system("fcntl", errno));
    return env.Undefined();
  }
  const auto count = static_cast<size_t>(info[2].As<Napi::Number>().Int64Value());
  tls::FileRange range = {std::move(file), info[1].As<Napi::Number>().Int64Value(), count};
  tls::ChunkQueue head = chunks_.take(info[3].As<Napi::Array>());
  const size_t head_length = head.length();
  const uint64_t before = state_->threaded;
  tls::SendJob job(shared_connection(), std::move(head), std::move(range), shared_count());
  auto* data = env.GetInstanceData<AddonData>();
  if (const auto part = sent_at_once(count, head_length, *data)) {
    Status status = job.advance_cached(data->send_buffer(), part->first_piece, part->most);
    if (job.ended()) {
      drop_chunks();
      if (!status.ok()) throw_error(env, status);
      return Napi::Number::New(env, static_cast<double>(state_->threaded - before));
    }
  }
  job.own_chunks();
  chunks_.drop();
  return start_job(env, std::move(job), before);
}

void Socket::cancel_job(const Napi::CallbackInfo&) { cancel_job_now(); }

void Socket::cancel_job_now() {
  if (job_ != 0) Env().GetInstanceData<AddonData>()->sends->cancel(job_);
}

// --- The event loop ----------------------------------------------------------------------------------

void Socket::on_poll(int status, int events) {
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  // On the stack, for the callbacks may end the wait that kept it alive.
  [[maybe_unused]] Napi::Object self = Value();
  if (status < 0) {
    // The socket has an error: reading and writing say which. libuv has stopped watching by itself.
    events = watched_;
    if (std::exchange(watched_, 0) != 0) let_go();
  }
  in_poll_ = true;
  if (events & UV_READABLE) read_available(status == 0);
  if (poll_ != nullptr && writing_ && events & UV_WRITABLE) {
    Status drained = chunks_.unchanged() ? drain() : memory_gone();
    if (!drained.is(Code::would_block)) finish_write(drained);
  }
  in_poll_ = false;
  rearm();
}

void Socket::rearm() {
  if (poll_ == nullptr || in_poll_) return;
  const int wanted = (reading_ ? UV_READABLE : 0) | (writing_ ? UV_WRITABLE : 0);
  if (wanted == watched_) return;
  if (watched_ == 0) hold();
  if (wanted == 0) let_go();
  watched_ = wanted;
  // It fails for a descriptor that is none, which this one cannot be.
  (void)poll_->watch(wanted);
}

void Socket::hold() {
  if (holds_++ == 0) Ref();
}

void Socket::let_go() {
  if (holds_ > 0 && --holds_ == 0) Unref();
}

void Socket::close(const Napi::CallbackInfo& info) {
  if (poll_ != nullptr && info[0].As<Napi::Boolean>().Value()) {
    (void)reset_on_close(state_->connection->fd());
  }
  close_now();
}

std::unique_ptr<tls::Connection> Socket::release() {
  if (poll_ == nullptr) return nullptr;
  if (writing_ || job_ != 0) {
    (void)reset_on_close(state_->connection->fd());
    close_now();
    return nullptr;
  }
  stop_polling();
  state_->connection->on_ticket = nullptr;
  return std::move(state_->connection);
}

void Socket::stop_polling() {
  reading_ = writing_ = false;
  if (std::exchange(watched_, 0) != 0) let_go();
  std::exchange(poll_, nullptr)->close();
}

void Socket::close_now() {
  if (poll_ == nullptr) return;
  // Before the descriptor is closed: libuv takes it out of its epoll set here.
  stop_polling();
  if (job_ != 0) {
    cancel_job_now();
  } else {
    drop_chunks();
    // read_available(), which may stand above this on the stack, does not touch it any more.
    state_->connection.reset();
  }
}

void Socket::call(const Napi::FunctionReference& callback, const std::vector<napi_value>& arguments) {
  call_back(Value(), callback, arguments, context_);
}

void export_socket(Napi::Env env, Napi::Object exports) { exports.Set("Socket", Socket::define(env)); }

}  // namespace ktls::napi

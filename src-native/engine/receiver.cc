#include "engine/receiver.h"

#include "engine/handshake.h"
#include "engine/receiver_worker.h"

namespace ktls::engine {

Result<std::unique_ptr<Receiver>> Receiver::create(ReceiverOptions options, std::shared_ptr<Cancel> user,
                                                   std::chrono::milliseconds idle,
                                                   std::function<void()> connection_needed) {
  Result<std::unique_ptr<Session>> session = Session::create(std::move(user), idle);
  if (!session.ok()) return std::move(session).status();
  return std::unique_ptr<Receiver>(
      new Receiver(std::move(options), std::move(*session), std::move(connection_needed)));
}

Receiver::Receiver(ReceiverOptions options, std::unique_ptr<Session> session,
                   std::function<void()> connection_needed)
    : options_(std::move(options)),
      session_(std::move(session)),
      connection_needed_(std::move(connection_needed)),
      crew_(*session_, "ktls-receive",
            [this](std::unique_ptr<Link> link) { return employ(std::move(link)); }) {}

Receiver::~Receiver() = default;

Status Receiver::run(std::unique_ptr<Link> first) {
  Status started = start(std::move(first));
  crew_.join();
  pulse_.stop();
  session_->stop();
  KTLS_TRY(std::move(started));
  // This object may live on until JavaScript collects it; temporary files and descriptors must not.
  block_files_.clear();
  std::shared_ptr<fs::Sink> sink = std::move(sink_);
  Status outcome = session_->outcome();
  if (committed_) return outcome.is(Code::protocol) ? outcome : Status();
  sink->discard();
  if (outcome.ok()) {
    return Status::fail(Code::truncated, "the sender closed its connections before the transfer was done");
  }
  return outcome;
}

Status Receiver::start(std::unique_ptr<Link> first) {
  Result<std::shared_ptr<fs::Sink>> sink = fs::Sink::open(options_.root, options_.below, options_.sink);
  Status status;
  if (sink.ok()) {
    status = pulse_.start(ReceiverWorker::beat_interval(*session_), [this] {
      std::lock_guard lock(workers_mutex_);
      for (ReceiverWorker* worker : workers_) worker->beat();
    });
  } else {
    status = std::move(sink).status();
  }
  if (!status.ok()) {
    say_error(*first, status, session_->farewell());
    return status;
  }
  sink_ = std::move(*sink);
  return crew_.start(std::move(first));
}

Result<std::function<void()>> Receiver::employ(std::unique_ptr<Link> link) {
  Result<FileHash> hash = FileHash::create(options_.verify, link->hash_key);
  if (!hash.ok()) return std::move(hash).status();
  auto worker = std::make_shared<ReceiverWorker>(*this, std::move(link), std::move(*hash));
  return std::function<void()>([worker] { worker->run(); });
}

wire::Counts Receiver::counts() const {
  return {session_->files,      session_->directories, session_->symlinks,
          session_->hard_links, session_->bytes,       failed_};
}

void Receiver::add_worker(ReceiverWorker* worker) {
  std::lock_guard lock(workers_mutex_);
  workers_.insert(worker);
}

void Receiver::remove_worker(ReceiverWorker* worker) {
  std::lock_guard lock(workers_mutex_);
  workers_.erase(worker);
}

Status Receiver::begin_entries() {
  std::lock_guard lock(mutex_);
  if (committing_) return Status::fail(Code::protocol, "the peer sent entries after ALL_DONE");
  carrying_++;
  return Status();
}

void Receiver::end_entries() {
  std::lock_guard lock(mutex_);
  carrying_--;
}

Status Receiver::begin_commit(bool carries_entries) {
  std::lock_guard lock(mutex_);
  if (committing_ || carrying_ > (carries_entries ? 1 : 0)) {
    return Status::fail(Code::protocol,
                        "the peer said ALL_DONE while another connection still carried entries");
  }
  committing_ = true;
  return Status();
}

bool Receiver::first_announcement(uint32_t directory) {
  std::lock_guard lock(mutex_);
  if (directory >= announced_.size())
    announced_.resize(std::max<size_t>(directory + 1, announced_.size() * 2));
  if (announced_[directory]) return false;
  announced_[directory] = true;
  return true;
}

}  // namespace ktls::engine

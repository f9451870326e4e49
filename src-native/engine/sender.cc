#include "engine/sender.h"

#include "engine/handshake.h"
#include "engine/sender_worker.h"
#include "net/socket.h"

namespace ktls::engine {

namespace {

constexpr uint64_t kBlockThreshold = uint64_t{64} << 20;
constexpr uint64_t kBlockThresholdFar = uint64_t{4} << 20;

}  // namespace

Mode effective_mode(Mode wanted, bool verify, const tls::Connection& connection) {
  // What is hashed has to be read.
  if (verify || !connection.can_send_file()) return Mode::read_send;
  return wanted == Mode::automatic ? Mode::send_file : wanted;
}

Result<std::unique_ptr<Sender>> Sender::create(SenderOptions options, std::shared_ptr<Cancel> user,
                                               std::chrono::milliseconds idle,
                                               std::function<void()> connection_needed) {
  Result<std::unique_ptr<Session>> session = Session::create(std::move(user), idle);
  if (!session.ok()) return std::move(session).status();
  return std::unique_ptr<Sender>(
      new Sender(std::move(options), std::move(*session), std::move(connection_needed)));
}

Sender::Sender(SenderOptions options, std::unique_ptr<Session> session,
               std::function<void()> connection_needed)
    : options_(std::move(options)),
      session_(std::move(session)),
      connection_needed_(std::move(connection_needed)),
      queue_(session_->patience().cancel),
      crew_(*session_, "ktls-send", [this](std::unique_ptr<Link> link) { return employ(std::move(link)); }) {}

Sender::~Sender() = default;

Status Sender::run(std::unique_ptr<Link> first) {
  Status started = start(std::move(first));
  crew_.join();
  session_->stop();
  KTLS_TRY(std::move(started));
  return session_->outcome();
}

Status Sender::start(std::unique_ptr<Link> first) {
  mode_used_ = effective_mode(options_.mode, options_.verify, first->connection());
  const bool far = net::is_far(first->connection().fd());
  block_threshold_ = options_.block_threshold.value_or(far ? kBlockThresholdFar : kBlockThreshold);
  Result<std::unique_ptr<fs::Walk>> tree = fs::Walk::open(options_.root, options_.below, {});
  if (!tree.ok()) {
    Status status = std::move(tree).status();
    say_error(*first, status, session_->farewell());
    return status;
  }
  KTLS_TRY(crew_.start(std::move(first)));
  walk(**tree);
  return Status();
}

void Sender::walk(fs::Walk& walk) {
  uint32_t last_directory = 0;
  for (;;) {
    Result<std::optional<fs::Batch>> next = walk.next();
    if (!next.ok()) return session_->fail(next.status());
    if (!next->has_value()) break;
    fs::Batch& batch = **next;
    // Numbers are dense and in the order met, so a new one is a new directory.
    if (batch.directory->id > last_directory) {
      last_directory = batch.directory->id;
      session_->directories.fetch_add(1, std::memory_order_relaxed);
    }
    uint64_t files = 0;
    uint64_t bytes = 0;
    for (const fs::Entry& entry : batch.entries) {
      if (entry.kind != fs::EntryKind::file) continue;
      files++;
      bytes += entry.size;
    }
    session_->files_total.fetch_add(files, std::memory_order_relaxed);
    session_->bytes_total.fetch_add(bytes, std::memory_order_relaxed);
    if (!queue_.push(std::move(batch))) return;
  }
  session_->totals_final.store(true, std::memory_order_relaxed);
  queue_.close();
}

Result<std::function<void()>> Sender::employ(std::unique_ptr<Link> link) {
  Result<FileHash> hash = FileHash::create(options_.verify, link->hash_key);
  if (!hash.ok()) return std::move(hash).status();
  auto worker = std::make_shared<SenderWorker>(*this, std::move(link), std::move(*hash));
  return std::function<void()>([worker] { worker->run(); });
}

void Sender::add_hard_link(HardLink link) {
  std::lock_guard lock(mutex_);
  hard_links_.push_back(std::move(link));
}

void Sender::add_skipped(uint32_t directory, const std::string& name, wire::Report report) {
  session_->add_skipped(report);
  std::lock_guard lock(mutex_);
  skipped_names_.try_emplace({directory, name}, std::move(report));
}

std::optional<wire::Report> Sender::why_skipped(uint32_t directory, const std::string& name) {
  std::lock_guard lock(mutex_);
  auto found = skipped_names_.find({directory, name});
  return found == skipped_names_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace ktls::engine

#include "engine/session.h"

#include <errno.h>

namespace ktls::engine {

namespace {

constexpr std::chrono::milliseconds kWaitForReason{500};
constexpr std::chrono::milliseconds kFarewell{1000};
constexpr std::chrono::milliseconds kFarewellOfUser{50};

bool connection_broke(const Status& status) {
  if (status.is(Code::truncated) || status.is(Code::end_of_stream)) return true;
  return status.is(Code::system) && (status.error_number() == ECONNRESET || status.error_number() == EPIPE);
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<Cancel> user,
                                                 std::chrono::milliseconds idle) {
  Result<std::shared_ptr<Cancel>> stop = Cancel::create_child(user);
  if (!stop.ok()) return std::move(stop).status();
  Result<std::shared_ptr<Cancel>> never = Cancel::create();
  if (!never.ok()) return std::move(never).status();
  return std::unique_ptr<Session>(new Session(std::move(user), *stop, *never, idle));
}

Patience Session::farewell() const {
  if (!aborted()) return {*user_, kFarewell};
  return {*never_, kFarewellOfUser, Deadline::in(kFarewellOfUser)};
}

void Session::fail(const Status& status) {
  if (status.is(Code::cancelled)) return;
  {
    std::unique_lock lock(mutex_);
    if (first_error_.ok() && connection_broke(status)) {
      failed_.wait_for(lock, kWaitForReason, [this] { return !first_error_.ok() || aborted(); });
    }
    if (first_error_.ok()) {
      first_error_ =
          status.is(Code::end_of_stream)
              ? Status::fail(Code::truncated, "the peer closed the connection before the transfer was done")
              : status;
    }
  }
  failed_.notify_all();
  stop_->set();
}

Status Session::outcome() const {
  std::lock_guard lock(mutex_);
  if (!first_error_.ok()) return first_error_;
  return aborted() ? Status::fail(Code::cancelled, "the transfer was cancelled") : Status();
}

void Session::add_skipped(wire::Report report) {
  std::lock_guard lock(mutex_);
  skipped_total_++;
  if (skipped_.size() < kMaxSkippedKept) skipped_.push_back(std::move(report));
}

void Session::set_current_path(std::string path) {
  std::lock_guard lock(mutex_);
  current_path_ = std::move(path);
}

Progress Session::progress() const {
  std::lock_guard lock(mutex_);
  return {files, directories, bytes, files_total, bytes_total, totals_final, current_path_};
}

uint64_t Session::skipped_total() const {
  std::lock_guard lock(mutex_);
  return skipped_total_;
}

}  // namespace ktls::engine

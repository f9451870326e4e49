// A TLS connection after its handshake, on the event loop: what KtlsSocket of lib/socket stands on.
// lib/native.ts documents what JavaScript sees.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "napi/poll.h"
#include "napi/written_chunks.h"
#include "tls/connection.h"
#include "tls/send_job.h"

namespace ktls::napi {

// While it waits for the socket, or another thread sends for it, its JavaScript object is kept from the
// garbage collector; otherwise not, and collecting it closes the connection.
class Socket : public Napi::ObjectWrap<Socket>, private PollOwner {
 public:
  static Napi::Function define(Napi::Env env);

  explicit Socket(const Napi::CallbackInfo& info);
  ~Socket() override;

  // Gives the connection away; no callback comes any more. Null when it is closed; a write that is under way
  // is then stopped, and the peer told by a reset.
  std::unique_ptr<tls::Connection> release();

 private:
  // Shared with the job that another thread runs, which may outlive this object by a moment.
  struct State {
    std::unique_ptr<tls::Connection> connection;
    // Application data accepted from other threads.
    std::atomic<uint64_t> threaded{0};
    // NewSessionTicket messages that a read() met.
    std::vector<std::string> tickets;
  };

  Napi::Value read_start(const Napi::CallbackInfo& info);
  void read_stop(const Napi::CallbackInfo& info);
  void pump(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value update_key(const Napi::CallbackInfo& info);
  Napi::Value shut_down(const Napi::CallbackInfo& info);
  Napi::Value write_on_thread(const Napi::CallbackInfo& info);
  Napi::Value send_file(const Napi::CallbackInfo& info);
  void cancel_job(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void set_referenced(const Napi::CallbackInfo& info);
  void set_no_delay(const Napi::CallbackInfo& info);
  void set_keep_alive(const Napi::CallbackInfo& info);
  Napi::Value address(const Napi::CallbackInfo& info);
  Napi::Value record(const Napi::CallbackInfo& info);
  Napi::Value bytes_read(const Napi::CallbackInfo& info);
  Napi::Value bytes_written(const Napi::CallbackInfo& info);

  void on_poll(int status, int events) override;
  void on_environment_going() override { close_now(); }

  // `polled`: the loop asks again while there is more.
  void read_available(bool polled);
  void tell_no_memory();
  // False when that closed the socket.
  bool deliver_tickets();
  bool deliver(size_t length);
  void drop_chunks();
  // Starts to send what is queued. Gives what JavaScript is told: whether all of it is with the kernel; with
  // an exception pending where it cannot be sent.
  Napi::Value begin_write(Napi::Env env);
  // Sends from the front of the queue; ok when all of it, and what end() asked for, is with the kernel.
  Status drain();
  // Tells JavaScript at the end of a write that had to wait.
  void finish_write(const Status& status);
  // Watches what is wanted now, and holds the object as long as anything is.
  void rearm();
  void hold();
  void let_go();
  // With an exception pending when it returns false.
  bool may_write(Napi::Env env);
  // A promise of the number of bytes accepted since there were `before`. The job reads the memory of what
  // chunks_ still has, which must not be resizable.
  Napi::Value start_job(Napi::Env env, tls::SendJob job, uint64_t before);
  void cancel_job_now();
  std::shared_ptr<tls::Connection> shared_connection();
  std::shared_ptr<std::atomic<uint64_t>> shared_count();
  // Takes the descriptor off the event loop.
  void stop_polling();
  // Idempotent.
  void close_now();
  void call(const Napi::FunctionReference& callback, const std::vector<napi_value>& arguments);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  tls::RecordReport report_;
  Poll* poll_ = nullptr;
  int watched_ = 0;  // UV_READABLE | UV_WRITABLE, as libuv was told
  int holds_ = 0;
  bool in_poll_ = false;

  bool reading_ = false;
  uint64_t bytes_read_ = 0;

  // What is being written, here or by another thread, and what it was given as.
  tls::ChunkQueue queue_;
  WrittenChunks chunks_;
  // A KeyUpdate to be sent behind them, and whether it asks the peer for one.
  std::optional<bool> key_update_;
  bool ending_ = false;
  bool writing_ = false;  // JavaScript waits for on_written_
  uint64_t bytes_written_ = 0;

  // What another thread sends now; 0 when there is nothing.
  uint64_t job_ = 0;

  Napi::FunctionReference on_read_;
  Napi::FunctionReference on_end_;
  Napi::FunctionReference on_written_;
  Napi::FunctionReference on_ticket_;
  Napi::AsyncContext context_;
};

}  // namespace ktls::napi

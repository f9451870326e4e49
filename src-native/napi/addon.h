// What belongs to one environment (the main thread or a worker), never to a global: the addon works
// in several worker_threads at once.
#pragma once

#include <napi.h>

#include <memory>

#include "napi/descriptors.h"
#include "napi/loop_load.h"
#include "napi/read_slab.h"
#include "tls/send_job.h"

namespace ktls::napi {

class FileOpener;
class RelayService;
class SendService;

struct AddonData {
  explicit AddonData(uv_loop_t* loop) : load(loop) {}

  // Makes an error of lib/errors.ts: handed over once by initialize().
  Napi::FunctionReference create_error;
  // Null until a file is first opened elsewhere than on the event loop.
  std::shared_ptr<FileOpener> opener;
  // Null until the first relay.
  std::shared_ptr<RelayService> relays;
  // Null until a socket first sends from another thread.
  std::shared_ptr<SendService> sends;
  // Of the environment's event loop.
  LoopLoad load;
  // Where all sockets read into.
  ReadSlab slab;
  Descriptors descriptors;

  // What files are read into that are sent from the event loop's thread.
  MutableBytes send_buffer() {
    if (!send_buffer_) send_buffer_.reset(new uint8_t[tls::kSendBuffer]);
    return {send_buffer_.get(), tls::kSendBuffer};
  }

 private:
  std::unique_ptr<uint8_t[]> send_buffer_;
};

// Each puts what one file of this folder offers onto the addon.
void export_descriptors(Napi::Env env, Napi::Object exports);
void export_file(Napi::Env env, Napi::Object exports);
void export_handshake_channel(Napi::Env env, Napi::Object exports);
void export_probe(Napi::Env env, Napi::Object exports);
void export_engine(Napi::Env env, Napi::Object exports);
void export_record_key(Napi::Env env, Napi::Object exports);
void export_relay(Napi::Env env, Napi::Object exports);
void export_socket(Napi::Env env, Napi::Object exports);
void export_tls_context(Napi::Env env, Napi::Object exports);

}  // namespace ktls::napi

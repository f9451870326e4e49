#include "engine/handshake.h"

#include <errno.h>
#include <sys/random.h>

#include "wire/report.h"

namespace ktls::engine {

namespace {

// `frame` was not the one expected: the peer's error, or a breach of the protocol.
Status unexpected(const Link::Frame& frame, const char* expected) {
  if (frame.type == wire::FrameType::error) {
    Result<wire::Report> report = wire::Report::parse(frame.payload);
    return report.ok() ? report->to_status() : std::move(report).status();
  }
  return Status::fail(Code::protocol, std::string("the peer does not speak the transfer protocol (no ") +
                                          expected + "): is that the right host and port?");
}

}  // namespace

Result<wire::HelloOk> offer(Link& link, wire::Hello hello, const Patience& patience) {
  hello.follows_key_update = link.connection().can_update_rx_key();
  if (getrandom(hello.hash_key.data(), hello.hash_key.size(), 0) !=
      static_cast<ssize_t>(hello.hash_key.size())) {
    return Status::system("getrandom", errno);
  }
  link.hash_key = hello.hash_key;
  hello.write(link.out());
  KTLS_TRY(link.flush(patience));
  Result<Link::Frame> frame = link.next_frame(patience);
  if (!frame.ok()) return std::move(frame).status();
  if (frame->type != wire::FrameType::hello_ok) return unexpected(*frame, "HELLO_OK");
  Result<wire::HelloOk> answer = wire::HelloOk::parse(frame->payload);
  link.consume_frame(*frame);
  if (answer.ok()) link.connection().set_peer_follows_key_update(answer->follows_key_update);
  return answer;
}

Result<wire::Hello> await_offer(Link& link, const Patience& patience) {
  Result<Link::Frame> frame = link.next_frame(patience);
  if (!frame.ok()) return std::move(frame).status();
  if (frame->type != wire::FrameType::hello) return unexpected(*frame, "HELLO");
  Result<wire::Hello> hello = wire::Hello::parse(frame->payload);
  link.consume_frame(*frame);
  if (hello.ok()) link.hash_key = hello->hash_key;
  if (hello.ok()) link.connection().set_peer_follows_key_update(hello->follows_key_update);
  return hello;
}

Status accept(Link& link, wire::HelloOk answer, const Patience& patience) {
  answer.follows_key_update = link.connection().can_update_rx_key();
  answer.write(link.out());
  return link.flush(patience);
}

void say_error(Link& link, const Status& status, const Patience& patience) {
  if (!link.at_frame_boundary() || !link.give_up_unsent(patience).ok()) return;
  wire::Report::from(status).write(link.out(), wire::FrameType::error);
  if (link.close_notify(patience).ok()) link.linger(patience);
}

}  // namespace ktls::engine

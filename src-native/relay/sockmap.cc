#include "relay/sockmap.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "relay/bpf.h"

namespace ktls::relay {

namespace {

// Two for each relay. Memory is taken by the entry.
constexpr uint32_t kMaxEntries = 1 << 18;

constexpr const char* kNoPrivilege =
    "sockmap needs CAP_BPF and CAP_NET_ADMIN, which this process does not have";
constexpr const char* kFinished = "sockmap takes no connection whose peer has already ended it";
constexpr const char* kUpperLayer = "sockmap and TLS exclude each other on a socket";
constexpr const char* kNotTcp = "sockmap relays TCP only";
constexpr const char* kRefused = "this kernel refuses the sockmap: it needs CONFIG_BPF_STREAM_PARSER";

const char* refusal(int error_number) {
  switch (error_number) {
    case EPERM:
    case EACCES:
      return kNoPrivilege;
    case EOPNOTSUPP:
      return kFinished;
    case ENOPROTOOPT:
      return kUpperLayer;
    case EPROTONOSUPPORT:
      return kNotTcp;
    default:
      return kRefused;
  }
}

Status unavailable(const Status& cause) {
  return Status::reported(Code::sockmap_unavailable, cause.error_number(), {}, refusal(cause.error_number()));
}

Status unavailable(int error_number) {
  return Status::reported(Code::sockmap_unavailable, error_number, {}, refusal(error_number));
}

Result<uint64_t> cookie_of(int socket) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) {
    return Status::system("getsockopt(SO_COOKIE)", errno);
  }
  return cookie;
}

// return bpf_sk_redirect_hash(skb, &sinks, &cookie_of(skb), 0), which drops what has no sink: the
// sink must be in its map before the source is in the other.
Result<Fd> load_verdict(int sinks) {
  constexpr int16_t kCookie = -8;
  const bpf_insn program[] = {
      bpf::copy_register(BPF_REG_6, BPF_REG_1),
      bpf::call(BPF_FUNC_get_socket_cookie),
      bpf::store_u64(BPF_REG_10, kCookie, BPF_REG_0),
      bpf::copy_register(BPF_REG_1, BPF_REG_6),
      bpf::load_map_first(BPF_REG_2, sinks),
      bpf::load_map_second(),
      bpf::copy_register(BPF_REG_3, BPF_REG_10),
      bpf::add_to_register(BPF_REG_3, kCookie),
      bpf::set_register(BPF_REG_4, 0),
      bpf::call(BPF_FUNC_sk_redirect_hash),
      bpf::leave(),
  };
  return bpf::load_program(BPF_PROG_TYPE_SK_SKB, program);
}

// Each segment that arrives is a message of its own. Not all of a segment need be new: where a sender repeats
// more than was lost, it begins with bytes that have been read, the parser is not told how many, and if it
// says more than is new, the stream parser keeps all of it until as much again has come, the end of the
// stream for ever. TCP keeps the numbers of a segment's first byte and of what follows its last in the
// buffer's first words (struct tcp_skb_cb), which cb[] shows since Linux 5.16: so
//
//   if end - sequence is neither len nor, for a FIN, len + 1, those are no such numbers: return len
//   news = sequence + len - position->next, where that is known
//   position->next = sequence + len
//   return news, or len where that cannot be
//
// Of the first segment nothing is known.
Result<Fd> load_parser(int positions) {
  constexpr int16_t kCookie = -8;
  constexpr int16_t kNext = 0;
  constexpr int16_t kKnown = 4;
  constexpr uint8_t kLength = BPF_REG_7;
  const bpf_insn program[] = {
      bpf::copy_register(BPF_REG_6, BPF_REG_1),
      bpf::load_u32(kLength, BPF_REG_6, offsetof(__sk_buff, len)),
      bpf::call(BPF_FUNC_get_socket_cookie),
      bpf::store_u64(BPF_REG_10, kCookie, BPF_REG_0),
      bpf::load_map_first(BPF_REG_1, positions),
      bpf::load_map_second(),
      bpf::copy_register(BPF_REG_2, BPF_REG_10),
      bpf::add_to_register(BPF_REG_2, kCookie),
      bpf::call(BPF_FUNC_map_lookup_elem),
      bpf::skip_if_equal(BPF_REG_0, 0, 17),
      bpf::load_u32(BPF_REG_2, BPF_REG_6, offsetof(__sk_buff, cb[0])),
      bpf::load_u32(BPF_REG_3, BPF_REG_6, offsetof(__sk_buff, cb[1])),
      bpf::subtract_u32(BPF_REG_3, BPF_REG_2),
      bpf::subtract_u32(BPF_REG_3, kLength),
      bpf::skip_if_above(BPF_REG_3, 1, 12),
      bpf::add_u32(BPF_REG_2, kLength),
      bpf::load_u32(BPF_REG_4, BPF_REG_0, kNext),
      bpf::load_u32(BPF_REG_5, BPF_REG_0, kKnown),
      bpf::store_u32(BPF_REG_0, kNext, BPF_REG_2),
      bpf::set_register(BPF_REG_3, 1),
      bpf::store_u32(BPF_REG_0, kKnown, BPF_REG_3),
      bpf::skip_if_equal(BPF_REG_5, 0, 5),
      bpf::subtract_u32(BPF_REG_2, BPF_REG_4),
      bpf::skip_if_equal(BPF_REG_2, 0, 3),
      bpf::skip_if_above_register(BPF_REG_2, kLength, 2),
      bpf::copy_register(BPF_REG_0, BPF_REG_2),
      bpf::leave(),
      bpf::copy_register(BPF_REG_0, kLength),
      bpf::leave(),
  };
  return bpf::load_program(BPF_PROG_TYPE_SK_SKB, program);
}

}  // namespace

// A verdict can also be attached without a parser (BPF_SK_SKB_VERDICT, Linux 5.13). Then the kernel takes
// whole segments off the receive queue, whatever of them was read or had arrived before: where a sender
// repeats more than was lost, bytes went out twice (Linux 6.18). The stream parser reads as a program does.
Result<std::unique_ptr<Sockmap>> Sockmap::create() {
  auto sinks = bpf::create_sockhash(kMaxEntries);
  if (!sinks.ok()) return unavailable(sinks.status());
  auto sources = bpf::create_sockhash(kMaxEntries);
  if (!sources.ok()) return unavailable(sources.status());
  auto positions = bpf::create_hash(kMaxEntries);
  if (!positions.ok()) return unavailable(positions.status());
  auto parser = load_parser(positions->get());
  if (!parser.ok()) return unavailable(parser.status());
  auto verdict = load_verdict(sinks->get());
  if (!verdict.ok()) return unavailable(verdict.status());
  Status attached = bpf::attach(parser->get(), sources->get(), BPF_SK_SKB_STREAM_PARSER);
  if (attached.ok()) attached = bpf::attach(verdict->get(), sources->get(), BPF_SK_SKB_STREAM_VERDICT);
  if (!attached.ok()) return unavailable(attached);
  return std::unique_ptr<Sockmap>(new Sockmap(std::move(*sinks), std::move(*sources), std::move(*positions)));
}

Status Sockmap::connect(int source, int sink) {
  auto cookie = cookie_of(source);
  if (!cookie.ok()) return unavailable(cookie.status());
  Status updated = bpf::add_zero(positions_.get(), *cookie);
  if (updated.ok()) updated = bpf::update(sinks_.get(), *cookie, sink);
  if (updated.ok()) updated = bpf::update(sources_.get(), *cookie, source);
  if (!updated.ok()) {
    remove(*cookie);
    return unavailable(updated);
  }
  // What was queued before waits for the next segment, which may never come: this wakes it.
  int one = 1;
  setsockopt(source, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
  return {};
}

void Sockmap::disconnect(int source) {
  auto cookie = cookie_of(source);
  if (cookie.ok()) remove(*cookie);
}

void Sockmap::remove(uint64_t cookie) {
  // The source first: what meets the programs has a sink.
  for (const Fd* map : {&sources_, &sinks_, &positions_}) bpf::remove(map->get(), cookie);
}

size_t Sockmap::entries() const {
  return bpf::count(sinks_.get()) + bpf::count(sources_.get()) + bpf::count(positions_.get());
}

const char* sockmap_refusal(const Status& status) { return refusal(status.error_number()); }

Status no_sockmap_for_tls() { return unavailable(ENOPROTOOPT); }

Status check_sockmap_socket(int socket) {
  int protocol = 0;
  socklen_t length = sizeof protocol;
  if (getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) != 0 || protocol != IPPROTO_TCP) {
    return unavailable(EPROTONOSUPPORT);
  }
  char upper_layer[16] = {};
  length = sizeof upper_layer;
  if (getsockopt(socket, IPPROTO_TCP, TCP_ULP, upper_layer, &length) == 0 && length > 0) {
    return unavailable(ENOPROTOOPT);
  }
  return {};
}

}  // namespace ktls::relay

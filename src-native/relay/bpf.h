// bpf(2) without a library: the few instructions and commands that the sockmap needs.
#pragma once

#include <linux/bpf.h>

#include <span>

#include "base/fd.h"
#include "base/status.h"

namespace ktls::relay::bpf {

// Each returns one instruction, encoded as in linux/bpf.h. Registers are BPF_REG_0 to BPF_REG_10.
bpf_insn copy_register(uint8_t to, uint8_t from);
bpf_insn set_register(uint8_t to, int32_t value);
bpf_insn add_to_register(uint8_t to, int32_t value);
// Modulo 2^32, with an upper half of zeros.
bpf_insn add_u32(uint8_t to, uint8_t from);
bpf_insn subtract_u32(uint8_t from, uint8_t value);
// Skips `count` instructions; unsigned comparisons of all 64 bits.
bpf_insn skip_if_equal(uint8_t left, int32_t right, int16_t count);
bpf_insn skip_if_above(uint8_t left, int32_t right, int16_t count);
bpf_insn skip_if_above_register(uint8_t left, uint8_t right, int16_t count);
// *(uint64_t*)(base + offset) = from
bpf_insn store_u64(uint8_t base, int16_t offset, uint8_t from);
bpf_insn store_u32(uint8_t base, int16_t offset, uint8_t from);
// to = *(uint32_t*)(base + offset)
bpf_insn load_u32(uint8_t to, uint8_t base, int16_t offset);
bpf_insn call(bpf_func_id helper);
bpf_insn leave();
// The address of a map takes two instructions: this and load_map_second().
bpf_insn load_map_first(uint8_t to, int map);
bpf_insn load_map_second();

// A BPF_MAP_TYPE_SOCKHASH from socket cookies (8 bytes) to sockets.
Result<Fd> create_sockhash(uint32_t max_entries);
// A BPF_MAP_TYPE_HASH from socket cookies to 8 bytes; takes memory by the entry.
Result<Fd> create_hash(uint32_t max_entries);
Result<Fd> load_program(bpf_prog_type type, std::span<const bpf_insn> instructions);
Status attach(int program, int map, bpf_attach_type type);
// The map keeps no reference that outlives the socket: closing it removes the entry.
Status update(int map, uint64_t cookie, int socket);
// All 8 bytes zero.
Status add_zero(int map, uint64_t cookie);
// No error when it is not there.
void remove(int map, uint64_t cookie);
size_t count(int map);

}  // namespace ktls::relay::bpf

#include "relay/bpf.h"

#include <errno.h>
#include <sys/syscall.h>

#include <cstring>

namespace ktls::relay::bpf {

namespace {

bpf_insn instruction(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
  bpf_insn made{};
  made.code = code;
  made.dst_reg = to;
  made.src_reg = from;
  made.off = offset;
  made.imm = value;
  return made;
}

// The kernel refuses attributes whose unused rest is not zero.
bpf_attr zeroed() {
  bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  return attributes;
}

uint64_t address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

int command(bpf_cmd name, bpf_attr& attributes) {
  return static_cast<int>(syscall(SYS_bpf, name, &attributes, sizeof attributes));
}

Result<Fd> create_map(bpf_map_type type, size_t value_size, uint32_t max_entries, uint32_t flags) {
  bpf_attr attributes = zeroed();
  attributes.map_type = type;
  attributes.key_size = sizeof(uint64_t);
  attributes.value_size = value_size;
  attributes.max_entries = max_entries;
  attributes.map_flags = flags;
  Fd map(command(BPF_MAP_CREATE, attributes));
  if (!map) return Status::system("bpf(BPF_MAP_CREATE)", errno);
  return map;
}

Status update_with(int map, uint64_t cookie, const void* value) {
  bpf_attr attributes = zeroed();
  attributes.map_fd = map;
  attributes.key = address(&cookie);
  attributes.value = address(value);
  attributes.flags = BPF_ANY;
  if (command(BPF_MAP_UPDATE_ELEM, attributes) != 0) return Status::system("bpf(BPF_MAP_UPDATE_ELEM)", errno);
  return {};
}

}  // namespace

bpf_insn copy_register(uint8_t to, uint8_t from) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

bpf_insn set_register(uint8_t to, int32_t value) {
  return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

bpf_insn add_to_register(uint8_t to, int32_t value) {
  return instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}

bpf_insn add_u32(uint8_t to, uint8_t from) { return instruction(BPF_ALU | BPF_ADD | BPF_X, to, from, 0, 0); }

bpf_insn subtract_u32(uint8_t from, uint8_t value) {
  return instruction(BPF_ALU | BPF_SUB | BPF_X, from, value, 0, 0);
}

bpf_insn skip_if_equal(uint8_t left, int32_t right, int16_t count) {
  return instruction(BPF_JMP | BPF_JEQ | BPF_K, left, 0, count, right);
}

bpf_insn skip_if_above(uint8_t left, int32_t right, int16_t count) {
  return instruction(BPF_JMP | BPF_JGT | BPF_K, left, 0, count, right);
}

bpf_insn skip_if_above_register(uint8_t left, uint8_t right, int16_t count) {
  return instruction(BPF_JMP | BPF_JGT | BPF_X, left, right, count, 0);
}

bpf_insn store_u64(uint8_t base, int16_t offset, uint8_t from) {
  return instruction(BPF_STX | BPF_MEM | BPF_DW, base, from, offset, 0);
}

bpf_insn store_u32(uint8_t base, int16_t offset, uint8_t from) {
  return instruction(BPF_STX | BPF_MEM | BPF_W, base, from, offset, 0);
}

bpf_insn load_u32(uint8_t to, uint8_t base, int16_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, to, base, offset, 0);
}

bpf_insn call(bpf_func_id helper) { return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }

bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

bpf_insn load_map_first(uint8_t to, int map) {
  return instruction(BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_FD, 0, map);
}

bpf_insn load_map_second() { return instruction(0, 0, 0, 0, 0); }

Result<Fd> create_sockhash(uint32_t max_entries) {
  return create_map(BPF_MAP_TYPE_SOCKHASH, sizeof(int), max_entries, 0);
}

Result<Fd> create_hash(uint32_t max_entries) {
  return create_map(BPF_MAP_TYPE_HASH, sizeof(uint64_t), max_entries, BPF_F_NO_PREALLOC);
}

Result<Fd> load_program(bpf_prog_type type, std::span<const bpf_insn> instructions) {
  bpf_attr attributes = zeroed();
  attributes.prog_type = type;
  attributes.insns = address(instructions.data());
  attributes.insn_cnt = instructions.size();
  attributes.license = address("MIT");
  Fd program(command(BPF_PROG_LOAD, attributes));
  if (!program) return Status::system("bpf(BPF_PROG_LOAD)", errno);
  return program;
}

Status attach(int program, int map, bpf_attach_type type) {
  bpf_attr attributes = zeroed();
  attributes.target_fd = map;
  attributes.attach_bpf_fd = program;
  attributes.attach_type = type;
  if (command(BPF_PROG_ATTACH, attributes) != 0) return Status::system("bpf(BPF_PROG_ATTACH)", errno);
  return {};
}

Status update(int map, uint64_t cookie, int socket) { return update_with(map, cookie, &socket); }

Status add_zero(int map, uint64_t cookie) {
  const uint64_t zero = 0;
  return update_with(map, cookie, &zero);
}

void remove(int map, uint64_t cookie) {
  bpf_attr attributes = zeroed();
  attributes.map_fd = map;
  attributes.key = address(&cookie);
  command(BPF_MAP_DELETE_ELEM, attributes);
}

size_t count(int map) {
  uint64_t key = 0;
  uint64_t next = 0;
  size_t found = 0;
  bpf_attr attributes = zeroed();
  attributes.map_fd = map;
  attributes.next_key = address(&next);
  while (command(BPF_MAP_GET_NEXT_KEY, attributes) == 0) {
    found++;
    key = next;
    attributes.key = address(&key);
  }
  return found;
}

}  // namespace ktls::relay::bpf

#include "tls/libssl.h"

#include <optional>

#include "tls/find_function.h"

namespace ktls::tls {

namespace {

std::optional<Libssl> find_libssl() {
  Libssl table;
  bool whole = true;
#define KTLS_FIND(result, name, parameters) whole = find_function(RTLD_DEFAULT, table.name, #name) && whole;
  KTLS_LIBSSL(KTLS_FIND)
#undef KTLS_FIND
  if (!whole) return std::nullopt;
  return table;
}

}  // namespace

const Libssl* libssl() {
  static const std::optional<Libssl> table = find_libssl();
  return table ? &*table : nullptr;
}

}  // namespace ktls::tls

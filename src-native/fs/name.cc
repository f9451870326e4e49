#include "fs/name.h"

namespace ktls::fs {

namespace {

Status refuse(std::string_view name, const char* why) {
  // A hostile name may be megabytes long: its beginning tells enough.
  return Status::fail(Code::unsafe_path, why).with_path(std::string(name.substr(0, kMaxName)));
}

}  // namespace

Status check_name(std::string_view name) {
  if (name.empty()) return refuse(name, "a name off the wire is empty");
  if (name.size() > kMaxName) return refuse(name, "a name off the wire is longer than 255 bytes");
  if (name == "." || name == "..") return refuse(name, "a name off the wire is a step through the tree");
  if (name.find('/') != name.npos) return refuse(name, "a name off the wire has more than one component");
  if (name.find('\0') != name.npos) return refuse(name, "a name off the wire contains a NUL byte");
  if (name.starts_with(kTemporaryPrefix)) {
    return refuse(name, "a name off the wire begins like this program's temporary names");
  }
  return Status();
}

Status check_names(const std::vector<std::string>& names) {
  for (const std::string& name : names) KTLS_TRY(check_name(name));
  return Status();
}

}  // namespace ktls::fs

// A function of a library that is looked up rather than linked.
#pragma once

#include <dlfcn.h>

#include <type_traits>

namespace ktls::tls {

// Sets `function` to what `library` (or RTLD_DEFAULT) has by this name; false where it has none.
template <typename Function>
bool find_function(void* library, Function& function, const char* name) {
  void* address = dlsym(library, name);
  function = reinterpret_cast<std::remove_reference_t<Function>>(address);
  return address != nullptr;
}

}  // namespace ktls::tls

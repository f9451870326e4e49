{
  "targets": [
    {
      "target_name": "ktls_transfer",
      "sources": [
        "<!@(find src-native -name '*.cc' -not -path '*/tests/*' -not -path '*/fuzz/*' | sort)"
      ],
      "include_dirs": ["src-native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_ENABLE_MAYBE", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "_GNU_SOURCE"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++14"],
      "cflags_cc": ["-std=gnu++20", "-O3", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"],
      # OpenSSL keeps pointers into it (tls/ssl_handshake.cc): it stays when the worker that loaded it ends.
      "ldflags": ["-Wl,-z,nodelete"]
    }
  ]
}

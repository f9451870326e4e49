#!/bin/sh
# Runs a command in the guest below a tmpfs root with this machine's folders. The guest's own root is such a folder,
# whose file system answers no lookup from memory alone (openat2(2), RESOLVE_CACHED), as those of servers do.
set -e
root=$(mktemp -d)
mount -t tmpfs -o mode=755 root "$root"
for path in /*; do
  if [ -L "$path" ]; then
    cp -a "$path" "$root$path"
  elif [ -d "$path" ]; then
    mkdir "$root$path"
    mount --rbind "$path" "$root$path"
  fi
done
exec chroot "$root" "$@"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes an initramfs for guests: busybox, and an archive of the agent, of what it and containers need, and of what else is
# named, with the libraries that the programs are linked with, each at the path that it has on this machine.
#
# usage: make-image.sh OUTPUT [FILE_OR_DIRECTORY=PATH_IN_THE_GUEST]...
#
# APUS_DIST says where agent, hook and client are.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
output=$(realpath -m "$1")
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# What tests, runtimes and the containers' root file systems are made of.
tools=(
    sh env realpath true false sleep cat echo ls mkdir rmdir rm cp mv ln chmod touch kill nice id seq head tail sed grep date
    busybox runc crun nsenter unshare setsid setpriv setcap strace
)

# place_libraries PROGRAM: what it is linked with.
place_libraries() {
    # A static program has none, and ldd says so by its status.
    { ldd "$1" 2>/dev/null || true; } | awk '/=> \// { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
        local home
        home=$(realpath -s "$library")
        [ -e "$root$home" ] || install -D "$(realpath "$library")" "$root$home"
    done
}

# place FILE [PATH]: a file into the guest, with its libraries.
place() {
    install -D "$1" "$root${2:-$1}"
    place_libraries "$1"
}

mkdir -p "$root"/{proc,sys,dev,run,tmp,root,etc,apus,usr/bin,usr/sbin,usr/lib,usr/lib64,var/lib,var/log}
for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$root/$directory"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo '127.0.0.1 localhost' >"$root/etc/hosts"

for tool in "${tools[@]}"; do
    path=$(PATH=/usr/sbin:/usr/bin command -v "$tool") || { echo "make-image: no $tool: make setup-vm" >&2; exit 1; }
    [[ $path = /* ]] || path=/usr/bin/$tool
    place "$(realpath "$path")" "$path"
done
for program in apus-agent apus-oci-hook apus; do place "$APUS_DIST/$program" "/apus/dist/$program"; done
for entry in "$@"; do
    if [ -d "${entry%%=*}" ]; then
        # Caches and tests are half of an interpreter's library.
        mkdir -p "$root${entry#*=}"
        tar --create --directory "${entry%%=*}" --exclude __pycache__ --exclude ./test . |
            tar --extract --directory "$root${entry#*=}"
        for file in "${entry%%=*}"/*; do [ ! -f "$file" ] || [ ! -x "$file" ] || place_libraries "$file"; done
    else
        place "${entry%%=*}" "${entry#*=}"
        # Symbols are most of a test bundle, and a guest has to carry it all in memory.
        strip "$root${entry#*=}" 2>/dev/null || true
    fi
done
install "$here/guest.sh" "$root/apus/"

# An archive in the archive: the guest unpacks it into a tmpfs, because pivot_root, and so runc, needs a root file system
# that is not the initramfs itself. Neither is compressed: unpacking would take an emulated CPU longer than reading.
initramfs=$work/initramfs
mkdir -p "$initramfs"/{bin,dev}
install "$(PATH=/usr/sbin:/usr/bin command -v busybox)" "$initramfs/bin/busybox"
ln -s busybox "$initramfs/bin/cat"
install "$here/init" "$initramfs/init"
tar --create --file "$initramfs/root.tar" --directory "$root" --owner 0 --group 0 .
mkdir -p "$(dirname "$output")"
(cd "$initramfs" && find . | cpio --create --format newc --owner 0:0 --quiet) >"$output.new"
mv "$output.new" "$output"

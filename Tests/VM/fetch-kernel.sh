#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints the path of a Debian kernel: the newest of the version given, ordinary amd64 flavour. Nothing is installed;
# what was fetched once stays in the cache.
#
# usage: fetch-kernel.sh VERSION        6.1 or 6.12
set -euo pipefail

version=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/apus/vm

# linux-image-6.1.0-49-amd64, linux-image-6.12.117+deb12-amd64: neither cloud, rt, unsigned nor debug symbols.
package=$(apt-cache search --names-only "^linux-image-${version//./\\.}\.[0-9]+(\+deb[0-9]+)?(-[0-9]+)?-amd64\$" |
    cut -d' ' -f1 | sort -V | tail -n 1)
if [ -z "$package" ]; then
    echo "fetch-kernel: apt knows no linux-image of version $version for amd64; try 'apt-get update'" >&2
    exit 1
fi

kernel=$cache/$package
if [ ! -e "$kernel/boot/vmlinuz-${package#linux-image-}" ]; then
    echo "fetch-kernel: downloading $package" >&2
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/.fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # apt's own user cannot write here and apt says so; that is no error.
    (cd "$work" && apt-get download -qq "$package" 2>apt.log) || { cat "$work/apt.log" >&2; exit 1; }
    dpkg -x "$work"/*.deb "$work/unpacked"
    # Modules are not used, and are nine tenths of it.
    rm -rf "$work/unpacked/lib" "$work/unpacked/usr/lib"
    rm -rf "$kernel"
    mv "$work/unpacked" "$kernel"
fi
echo "$kernel/boot/vmlinuz-${package#linux-image-}"

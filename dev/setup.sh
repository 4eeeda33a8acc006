#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that building, testing and the demo need. Quick when they are there.
#
# usage: dev/setup.sh [vm]        vm: what the tests in guests need, too
set -eu

packages=(
    # what the agent and the hook are built from
    gcc g++ make git pkg-config linux-libc-dev libbpf-dev libelf-dev zlib1g-dev libnghttp2-dev libyajl-dev
    libsqlite3-dev libre2-dev libyaml-dev libseccomp-dev
    # what the demo and the tests run
    runc crun containerd podman busybox-static util-linux bsdutils strace binutils libcap2-bin procps openssl
    # the foreign clients and the generated code
    protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libgrpc++-dev
    python3 python3-grpcio python3-protobuf python3-h2
    # make format, make check
    clang-format
)

if [ "${1:-}" = vm ]; then packages+=(qemu-system-x86 cpio mawk prometheus); fi

missing=()
for package in "${packages[@]}"; do
    # Docker's packages bring a containerd and a runc of their own, which Debian's would push out.
    case $package in runc | containerd) ! command -v "$package" >/dev/null || continue ;; esac
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "make setup: these Debian packages are missing, and installing them needs root: ${missing[*]}" >&2
        exit 1
    fi
    echo "make setup: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# What no Debian package brings.
if ! command -v swift >/dev/null; then
    echo "make setup: the Swift toolchain (6.3 or later) is missing. It comes from https://www.swift.org/install/linux/:" >&2
    echo "  unpack the Debian 12 tarball and put its usr/bin on PATH." >&2
    exit 1
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p')
if [ "$(printf '%s\n6.3\n' "$version" | sort -V | head -n 1)" != 6.3 ]; then
    echo "make setup: Swift 6.3 or later is needed, this is $version: https://www.swift.org/install/linux/" >&2
    exit 1
fi

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Compiles a BPF object and writes it as a Swift file. The build-tool plugin EmbedBPF runs this at every build
# whose inputs have changed.
#
#   embed.sh <directory of clang and llvm-objcopy> <BPF source> <name of the constant> <Swift file to write>
#
# The object is a StaticString of base64: an array literal of its size would take the Swift compiler minutes.
set -eu
tools=$1 source=$2 name=$3 output=$4
object=${output%.swift}.o

case $(uname -m) in
x86_64) architecture=x86 ;;
aarch64) architecture=arm64 ;;
*) echo "embed.sh: no BPF register layout for $(uname -m)" >&2; exit 1 ;;
esac

# asm/*.h are in the multiarch directory, which the bpf target does not know of. What clang puts where nothing leads
# would be a call of a kernel function, for which libbpf reads all of the kernel's types each time it loads the object.
"$tools/clang" -target bpf -mcpu=v3 -mllvm -bpf-disable-trap-unreachable -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror \
	-D__TARGET_ARCH_$architecture -isystem "/usr/include/$(uname -m)-linux-gnu" \
	-c "$source" -o "$object"
# DWARF is of no use to the loader; BTF, which CO-RE needs, stays.
"$tools/llvm-objcopy" --strip-debug "$object"

{
	echo "// Made from bpf/ by embed.sh."
	printf 'let %s: StaticString = "' "$name"
	base64 -w 0 "$object"
	echo '"'
} >"$output"

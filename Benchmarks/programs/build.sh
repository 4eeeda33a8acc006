#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the little programs that the benchmarks are made of, into dist/bench.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "$here/../.." && pwd)/dist/bench
mkdir -p "$out"

# Without a libc these two are as small as a process can be.
for name in noop sleeper; do
    cc -std=gnu11 -O2 -Wall -Wextra -static -nostdlib -ffreestanding -fno-stack-protector -fno-pie -no-pie -s \
        -o "$out/$name" "$here/$name.c"
done
# Static, so that a dynamic loader is no part of what is measured.
for name in cnoop storm alternate crowd hits; do
    cc -std=gnu11 -O2 -Wall -Wextra -static -o "$out/$name" "$here/$name.c"
done
cc -std=gnu11 -O2 -Wall -Wextra -o "$out/receive" "$here/receive.c" -lnghttp2

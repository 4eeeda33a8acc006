#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots a guest and copies what it says on its second serial port to standard output. A guest that does not end within
# its limit is ended, and the end of its console is shown.
#
# usage: boot.sh KERNEL IMAGE LOGS LIMIT COMMAND_LINE...
set -euo pipefail

kernel=$1 image=$2 logs=$3 limit=$4
shift 4
mkdir -p "$logs"
console=$logs/console.log results=$logs/results.log
: >"$console" && : >"$results"

# One CPU: with two, emulated ones oopsed in one boot of seven. Always named: where /dev/kvm exists but does not work,
# the default would be that.
nice -n 10 qemu-system-x86_64 -accel tcg -cpu max -smp 1 -m 3G -nodefaults -no-user-config -display none -no-reboot \
    -serial "file:$console" -serial "file:$results" -kernel "$kernel" -initrd "$image" \
    -append "console=ttyS0 panic=-1 oops=panic lsm=lockdown,capability,bpf $*" &
qemu=$!
trap 'kill "$qemu" 2>/dev/null || true' EXIT
tail --follow --lines=+1 --pid="$qemu" --sleep-interval=0.5 "$results" &
tail=$!

deadline=$((SECONDS + limit))
while kill -0 "$qemu" 2>/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ]; then
        kill -KILL "$qemu"
        wait "$tail" || true
        echo "@@ hang $limit"
        tail --lines=40 "$console" | sed 's/\r$//; s/^/@@ console /'
        exit 1
    fi
    sleep 0.5
done
status=0
wait "$qemu" || status=$?
wait "$tail" || true
if ! grep -q '^@@ end' "$results"; then
    echo "@@ died $status"
    tail --lines=40 "$console" | sed 's/\r$//; s/^/@@ console /'
    exit 1
fi

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots a guest that runs a command, and copies what the command says to standard output, then "@@ end". A guest that
# does not end within its limit (seconds) is ended, and the end of its console is shown.
#
# usage: boot.sh KERNEL IMAGE LOGS LIMIT CGROUP COMMAND [WORD_FOR_THE_KERNEL_COMMAND_LINE]...
#
# QEMU_FLAGS, if set, are more flags for the emulator.
set -euo pipefail

kernel=$1 image=$2 logs=$3 limit=$4 cgroup=$5 command=$6
shift 6
mkdir -p "$logs"
console=$logs/console.log results=$logs/results.log
: >"$console" && : >"$results"

# One CPU: with two, emulated ones oopsed in one boot of seven. Always named: where /dev/kvm exists but does not work,
# the default would be that.
# Without fast strings: the kernel would copy and clear by instructions that are emulated byte by byte.
# shellcheck disable=SC2086
nice -n 10 qemu-system-x86_64 -accel tcg -cpu max,-erms,-fsrm -smp 1 -m 3G -nodefaults -no-user-config -display none \
    -no-reboot -serial "file:$console" -serial "file:$results" -kernel "$kernel" -initrd "$image" ${QEMU_FLAGS:-} \
    -append "console=ttyS0 panic=-1 oops=panic lsm=lockdown,capability,bpf apus.cgroup=$cgroup \
        apus.run=$(printf %s "$command" | base64 --wrap=0) $*" &
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

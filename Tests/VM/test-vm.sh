#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the suites that touch the kernel in every cell of the matrix: kernels × cgroup versions × runtimes, and on the
# machine itself. docs/testing.md says more.
#
# environment, each optional:
#   KERNEL=6.1|6.12|host  CGROUP=v1|v2  RUNTIME=runc|crun    only the cells that match
#   SUITE      a name in `suites`, or a regular expression for tests
#   JOBS       guests side by side
#   LIMIT      seconds that a guest may take
#   TEST_ENV   variables for the tests: "APUS_SHORT_LIVED=200 APUS_UPDATE_TABLE=1"
#   APPEND     more words for the guest's kernel command line
#   GUEST_SHELL=1  one cell: a shell in the guest instead of tests
set -euo pipefail

here=$(dirname "$(realpath "$0")")
logs=${APUS_VM_LOGS:-dist/vm}
jobs=${JOBS:-2}
limit=${LIMIT:-1800}
export APUS_DIST=${APUS_DIST:-$PWD/dist} APUS_TEST_PROGRAMS=${APUS_TEST_PROGRAMS:-$PWD/dist/tests}
export APUS_TEST_BUNDLE=${APUS_TEST_BUNDLE:-$PWD/.build/debug/apusPackageTests.xctest}
image=$logs/initramfs

# The matrix. The machine's own cgroups are what they are, and crun refuses hybrid ones.
cells=()
for kernel in 6.1 6.12; do
    for cgroup in v2 v1; do
        for runtime in runc crun; do cells+=("$kernel $cgroup $runtime"); done
    done
done
cells+=("host own runc")

matches() { [ -z "${2:-}" ] || [ "$1" = "$2" ]; }
chosen=()
for cell in "${cells[@]}"; do
    read -r kernel cgroup runtime <<<"$cell"
    if matches "$kernel" "${KERNEL:-}" && matches "$cgroup" "${CGROUP:-}" && matches "$runtime" "${RUNTIME:-}"; then
        chosen+=("$cell")
    fi
done
if [ ${#chosen[@]} = 0 ]; then
    echo "test-vm: no such cell. There are (KERNEL CGROUP RUNTIME):" >&2
    printf '  %s\n' "${cells[@]}" >&2
    exit 1
fi

encode() { printf %s "$1" | base64 --wrap=0; }

# suites_of KERNEL CGROUP RUNTIME NAME: what a cell's suites say, with the marks of run-suites.sh and boot.sh.
suites_of() {
    local kernel=$1 cgroup=$2 runtime=$3 name=$4
    if [ "$kernel" = host ]; then
        # shellcheck disable=SC2086
        env APUS_RUNTIME="$runtime" ${TEST_ENV:-} "$here/run-suites.sh" "$APUS_TEST_BUNDLE" "${SUITE:-}"
        echo "@@ end"
    else
        "$here/boot.sh" "$("$here/fetch-kernel.sh" "$kernel")" "$image" "$logs/$name" "$limit" \
            "apus.cgroup=$cgroup apus.runtime=$runtime apus.suite=$(encode "${SUITE:-}") apus.env=$(encode "${TEST_ENV:-}")" \
            "${APPEND:-}"
    fi
}

# test_cell KERNEL CGROUP RUNTIME: a line a test, and the cell's verdict as its status.
test_cell() {
    local name=$1-$2-$3 started=$SECONDS status=0
    mkdir -p "$logs/$name"
    { suites_of "$@" "$name" || true; } 2>&1 | tee "$logs/$name/log" |
        mawk -W interactive -v cell="$name" -v gaps="$here/gaps/$name" -v complete="$([ -n "${SUITE:-}" ] || echo 1)" \
            -v summary="$logs/$name/summary" -f "$here/judge.awk" || status=$?
    echo "$name took $((SECONDS - started))" >>"$logs/$name/summary"
    return "$status"
}

summarize() {
    printf '\n%-16s %-9s %7s %7s %5s %8s\n' cell suite passed failed gaps seconds
    for cell in "${chosen[@]}"; do
        awk 'NF == 6 { printf "%-16s %-9s %7d %7d %5d %8d\n", $1, $2, $3, $4, $5, $6 }
            NF == 2 { verdict = $2 }
            NF == 3 { printf "%-16s %-9s %30s s\n", $1, verdict, $3 }' "$logs/${cell// /-}/summary"
    done
}

mkdir -p "$logs"
for cell in "${chosen[@]}"; do
    rm -rf "${logs:?}/${cell// /-}"
    # One after the other, before several want the same.
    [[ $cell = host* ]] || "$here/fetch-kernel.sh" "${cell%% *}" >/dev/null
done
[[ ${chosen[*]} = host* ]] || "$here/make-image.sh" "$image"

if [ -n "${GUEST_SHELL:-}" ]; then
    read -r kernel cgroup runtime <<<"${chosen[0]}"
    exec qemu-system-x86_64 -accel tcg -cpu max -smp 1 -m 3G -nographic -no-reboot \
        -kernel "$("$here/fetch-kernel.sh" "$kernel")" -initrd "$image" -append "console=ttyS0 quiet panic=-1 \
        lsm=lockdown,capability,bpf apus.shell apus.cgroup=$cgroup apus.runtime=$runtime ${APPEND:-}"
fi

failed=0
running=0
for cell in "${chosen[@]}"; do
    if [ "$running" -ge "$jobs" ] || [[ $cell = host* && $running -gt 0 ]]; then
        # The machine's own tests measure time: alone.
        until [ "$running" -lt "$jobs" ] && { [[ $cell != host* ]] || [ "$running" = 0 ]; }; do
            wait -n || failed=1
            running=$((running - 1))
        done
    fi
    # shellcheck disable=SC2086
    test_cell $cell &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
summarize
exit "$failed"

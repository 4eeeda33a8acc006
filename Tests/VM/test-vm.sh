#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the suites that touch the kernel in every cell of the matrix: on the machine itself, and in guests, kernels ×
# cgroup versions × runtimes. docs/testing.md says more.
#
# environment, each optional:
#   KERNEL=6.1|6.12|host  CGROUP=v1|v2|own  RUNTIME=runc|crun    only the cells that match
#   SUITE      a name in `suites`, or a regular expression for tests
#   EVERYTHING=1  on the machine itself every other test, too
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
export APUS_FOREIGN=$PWD/dist/foreign APUS_HOOK=$APUS_DIST/apus-oci-hook APUS_HOOK_DEBUG=$PWD/dist/debug/apus-oci-hook
export APUS_DIST_DEBUG=$PWD/dist/debug APUS_POLICIES=$PWD/policies
image=$logs/initramfs

if [ "$(id -u)" != 0 ]; then
    echo "make test: the tests load BPF programs and start containers; run them as root" >&2
    exit 1
fi

# The matrix. The machine's own cgroups are what they are. It comes first, because what is wrong is seen there in minutes.
cells=("host own runc" "host own crun")
for kernel in 6.1 6.12; do
    for cgroup in v2 v1; do
        for runtime in runc crun; do cells+=("$kernel $cgroup $runtime"); done
    done
done

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

# What takes long there is done less often. CI: a kernel without a row in a table fails.
on_machine="APUS_SHORT_LIVED=300 APUS_RESTARTS=10 APUS_RECREATED=50"
in_guest="CI=1 APUS_SHORT_LIVED=10 APUS_THREAD_EXITS=50 APUS_STORM=200 APUS_REUSED_PIDS=2001"
in_guest+=" APUS_MANY_POLICIES=20 APUS_POLICY_HITS=2000 APUS_POLICY_REPLACEMENTS=8 APUS_POLICY_RESTARTS=2"

# suites_of KERNEL CGROUP RUNTIME NAME: what a cell's suites say, with the marks of run-suites.sh and boot.sh.
suites_of() {
    local kernel=$1 cgroup=$2 runtime=$3 name=$4 suite=${SUITE:-}
    if [ "$kernel" = host ]; then
        [ -z "${EVERYTHING:-}" ] || [ "$runtime" != runc ] || suite=${suite:-all}
        # shellcheck disable=SC2086
        env APUS_RUNTIME="$runtime" APUS_CELL="$name" $on_machine ${TEST_ENV:-} "$here/run-suites.sh" "$APUS_TEST_BUNDLE" "$suite"
        echo "@@ end"
    else
        # shellcheck disable=SC2086
        "$here/boot.sh" "$("$here/fetch-kernel.sh" "$kernel")" "$image" "$logs/$name" "$limit" "$cgroup" \
            "export APUS_RUNTIME=$runtime APUS_CELL=$name $in_guest ${TEST_ENV:-}; /apus/run-suites.sh /apus/tests '$suite'" \
            ${APPEND:-}
    fi
}

# test_cell KERNEL CGROUP RUNTIME: a line a test, and the cell's verdict as its status.
test_cell() {
    local name=$1-$2-$3 started=$SECONDS status=0 strict=1
    # Which features a developer's own kernel has is no matter of ours.
    [ "$1" != host ] || [ -n "${CI:-}" ] || strict=''
    mkdir -p "$logs/$name"
    { suites_of "$@" "$name" || true; } 2>&1 | tee "$logs/$name/log" |
        mawk -W interactive -v cell="$name" -v gaps="$here/gaps/$1 $here/gaps/$2 $here/gaps/$3 $here/gaps/$name" \
            -v complete="$([ -n "${SUITE:-}" ] || echo 1)" -v strict="$strict" \
            -v summary="$logs/$name/summary" -f "$here/judge.awk" || status=$?
    echo "$name took $((SECONDS - started))" >>"$logs/$name/summary"
    return "$status"
}

# The table, and a last line that counts.
summarize() {
    printf '\n%-16s %-9s %7s %7s %5s %8s\n' cell suite passed failed gaps seconds
    for cell in "${chosen[@]}"; do cat "$logs/${cell// /-}/summary"; done | awk '
        NF == 6 {
            printf "%-16s %-9s %7d %7d %5d %8d\n", $1, $2, $3, $4, $5, $6
            passed += $3; failed += $4; gaps += $5; counted[$1] += $4
        }
        # A cell can fail without a test that does: it hangs.
        NF == 2 { verdict = $2; if (verdict == "failed" && !counted[$1]) failed++ }
        NF == 3 { printf "%-16s %-9s %30s s\n", $1, verdict, $3 }
        END { printf "\n%d passed, %d failed, %d skipped\n", passed, failed, gaps }'
}

mkdir -p "$logs"
for cell in "${chosen[@]}"; do
    rm -rf "${logs:?}/${cell// /-}"
    # One after the other, before several want the same.
    [[ $cell = host* ]] || "$here/fetch-kernel.sh" "${cell%% *}" >/dev/null
done
if printf '%s\n' "${chosen[@]}" | grep -qv ^host; then
    "$here/make-image.sh" "$image" "$APUS_TEST_BUNDLE=/apus/tests" "$APUS_TEST_PROGRAMS=/apus/programs" \
        "$here/run-suites.sh=/apus/run-suites.sh" "$here/suites=/apus/suites" \
        "$here/../SensorsTests/verifier-cost.tsv=/apus/verifier-cost.tsv" "$here/../../policies=/apus/policies"
fi

if [ -n "${GUEST_SHELL:-}" ]; then
    read -r kernel cgroup runtime <<<"${chosen[0]}"
    exec qemu-system-x86_64 -accel tcg -cpu max,-erms,-fsrm -smp 1 -m 3G -nographic -no-reboot \
        -kernel "$("$here/fetch-kernel.sh" "$kernel")" -initrd "$image" -append "console=ttyS0 quiet panic=-1 \
        lsm=lockdown,capability,bpf apus.shell apus.cgroup=$cgroup ${APPEND:-}"
fi

failed=0
running=0
for cell in "${chosen[@]}"; do
    if [[ $cell = host* ]]; then
        # The machine's own tests measure time: alone, and first.
        # shellcheck disable=SC2086
        test_cell $cell || failed=1
        continue
    fi
    if [ "$running" -ge "$jobs" ]; then
        wait -n || failed=1
        running=$((running - 1))
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

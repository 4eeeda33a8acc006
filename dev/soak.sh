#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs what `make test` runs with small counts again with large ones: hours. What passed at this commit is not run again,
# so that an interrupted soak goes on where it was. Each step's output and figures stay in dist/soak.
#
# usage: dev/soak.sh [STEP]...       the steps: below
set -euo pipefail

steps() {
    # In every cell of the matrix.
    step short-lived SUITE=IdentityTests LIMIT=7200 TEST_ENV="APUS_SHORT_LIVED=50"
    step thread-exits SUITE='nineThreads|nine threads' LIMIT=7200 TEST_ENV="APUS_THREAD_EXITS=1000"
    step storm SUITE='a busy reader' LIMIT=7200 TEST_ENV="APUS_STORM=20000"
    step reused-pids KERNEL=6.12 SUITE=reuse LIMIT=7200 TEST_ENV="APUS_REUSED_PIDS=20000"
    step forbidden KERNEL=6.12 SUITE=enforcement LIMIT=14400 \
        TEST_ENV="APUS_FORBIDDEN_ATTEMPTS=100000 APUS_POLICY_REPLACEMENTS=1000 APUS_POLICY_RESTARTS=20"
    step many-policies KERNEL=6.12 CGROUP=v2 RUNTIME=runc SUITE=many LIMIT=14400 \
        TEST_ENV="APUS_MANY_POLICIES=1000 APUS_POLICY_HITS=20000"
    # On the machine alone.
    step many-short-lived KERNEL=host RUNTIME=runc SUITE=ShortLived TEST_ENV="APUS_SHORT_LIVED=10000"
    step many-short-lived-crun KERNEL=host RUNTIME=crun SUITE=ShortLived TEST_ENV="APUS_SHORT_LIVED=10000"
    step exported KERNEL=host RUNTIME=runc SUITE=WholePathTests TEST_ENV="APUS_EXPORTED=1000000"
    step ledger KERNEL=host RUNTIME=runc SUITE=LedgerTests TEST_ENV="APUS_LEDGER_RUNS=100"
    step subscribers KERNEL=host RUNTIME=runc SUITE=SubscriberTests TEST_ENV="APUS_SUBSCRIBER_STORMS=50"
    step many-policies-here KERNEL=host RUNTIME=runc SUITE=many TEST_ENV="APUS_MANY_POLICIES=1000"
    step restarts KERNEL=host RUNTIME=runc SUITE=RestartTests TEST_ENV="APUS_RESTARTS=500"
    # Ten minutes of mutations each.
    local target
    for target in policies cel records symbols oci; do
        RUN="Tests/Fuzzing/fuzz.sh $target" step "fuzz-$target" SECONDS_EACH=600
    done
}

commit=$(git describe --always --dirty)
wanted=" $* "
out=$PWD/dist/soak
mkdir -p "$out"
failed=0

# step NAME VARIABLE=VALUE...: a run of the tests, or of $RUN, with these variables.
step() {
    local name=$1
    shift
    [ "$wanted" = "  " ] || [[ $wanted = *" $name "* ]] || return 0
    local log=$out/$name.log started=$SECONDS verdict=passed
    if [ "$(head -n 1 "$out/$name.passed" 2>/dev/null)" = "$commit" ]; then
        verdict="passed before"
    else
        echo "soak: $name ($*)"
        # shellcheck disable=SC2086
        env "$@" APUS_VM_LOGS="$out/$name" ${RUN:-Tests/VM/test-vm.sh} >"$log" 2>&1 || { verdict=FAILED; failed=1; }
        # A working tree that is not a commit proves nothing later.
        [ "$verdict" = FAILED ] || [[ $commit = *-dirty ]] || echo "$commit" >"$out/$name.passed"
    fi
    printf 'soak: %-16s %s, %d s\n' "$name" "$verdict" $((SECONDS - started))
    # Figures, and what failed.
    grep -E '^(fuzz: |[^ ]+ +[^ ]+ +(fig\.|FAIL) )' "$log" | sed 's/^/  /' || true
}

steps
exit $failed

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the suites on the machine that it is on, a guest or not, and writes what they say, with lines of its own about
# where a suite begins and how it ended: "@@ begin NAME", "@@ status NAME STATUS SECONDS".
#
# usage: run-suites.sh TEST_BUNDLE [SUITE]
#
# SUITE: a name in `suites`; "others", which is every test that no line there names; "all", which is both; or a regular
# expression for tests. Without it the suites of `suites`. APUS_CELL: the cell that this is, for suites of some alone.
bundle=$1
only=${2:-}
list=$(realpath "${0%/*}")/suites

# A working directory that is no root: that is a flag of its own in events.
cd /tmp || exit 1
export NO_COLOR=1

# run NAME FLAG...
run() {
    name=$1
    shift
    echo "@@ begin $name"
    started=$(date +%s)
    "$bundle" --testing-library swift-testing --no-parallel "$@" </dev/null 2>&1
    status=$?
    echo "@@ status $name $status $(($(date +%s) - started))"
}

run_others() {
    set --
    while read -r _ regex _; do set -- "$@" --skip "$regex"; done <<END
$(grep -v '^#' "$list")
END
    run others "$@"
}

# is_here PATTERN...: whether one of them is this cell's, or there are none.
is_here() {
    [ $# != 0 ] && [ -n "${APUS_CELL:-}" ] || return 0
    for pattern; do
        # shellcheck disable=SC2254
        case $APUS_CELL in $pattern) return 0 ;; esac
    done
    return 1
}

# run_listed [NAME]
run_listed() {
    grep -v '^#' "$list" | while read -r name regex cells; do
        if [ -n "${1:-}" ]; then
            [ "$1" != "$name" ] || run "$name" --filter "$regex"
        else
            set -f
            # shellcheck disable=SC2086
            ! is_here $cells || run "$name" --filter "$regex"
        fi
    done
}

case $only in
'') run_listed ;;
all) run_listed && run_others ;;
others) run_others ;;
*) if grep -q "^$only " "$list"; then run_listed "$only"; else run chosen --filter "$only"; fi ;;
esac

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the suites on the machine that it is on, a guest or not, and writes what they say, with lines of its own about
# where a suite begins and how it ended: "@@ begin NAME", "@@ status NAME STATUS SECONDS".
#
# usage: run-suites.sh TEST_BUNDLE [SUITE]
#
# SUITE: a name in `suites`; "others", which is every test that no line there names; "all", which is both; or a regular
# expression for tests. Without it the suites of `suites`.
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
    while read -r _ regex; do set -- "$@" --skip "$regex"; done <<END
$(grep -v '^#' "$list")
END
    run others "$@"
}

# run_listed [NAME]
run_listed() {
    grep -v '^#' "$list" | while read -r name regex; do
        [ -n "${1:-}" ] && [ "$1" != "$name" ] || run "$name" --filter "$regex"
    done
}

case $only in
'') run_listed ;;
all) run_listed && run_others ;;
others) run_others ;;
*) if grep -q "^$only " "$list"; then run_listed "$only"; else run chosen --filter "$only"; fi ;;
esac

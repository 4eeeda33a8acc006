#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the suites on the machine that it is on, a guest or not, and writes what they say, with lines of its own about
# where a suite begins and how it ended: "@@ begin NAME", "@@ status NAME STATUS SECONDS".
#
# usage: run-suites.sh TEST_BUNDLE [SUITE]      SUITE: a name in `suites`, or a regular expression for tests
bundle=$1
only=$2
list=$(realpath "${0%/*}")/suites

# Counts of a quick look; whoever wants more says so in the environment.
export APUS_SHORT_LIVED="${APUS_SHORT_LIVED:-10}" APUS_THREAD_EXITS="${APUS_THREAD_EXITS:-50}"
export APUS_STORM="${APUS_STORM:-200}" NO_COLOR=1

# A working directory that is no root: that is a flag of its own in events.
cd /tmp || exit 1

# run NAME REGEX
run() {
    echo "@@ begin $1"
    started=$(date +%s)
    "$bundle" --testing-library swift-testing --no-parallel --filter "$2" </dev/null 2>&1
    status=$?
    echo "@@ status $1 $status $(($(date +%s) - started))"
}

if [ -n "$only" ] && ! grep -q "^$only " "$list"; then
    run chosen "$only"
else
    grep -v '^#' "$list" | while read -r name regex; do
        [ -n "$only" ] && [ "$only" != "$name" ] || run "$name" "$regex"
    done
fi

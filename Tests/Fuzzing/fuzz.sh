#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzzers and runs them one after the other, each from its corpus. docs/testing.md says more.
#
# usage: fuzz.sh [TARGET]...        policies, cel, records, symbols, oci; without one, all
#
# environment, each optional:
#   SECONDS_EACH  how long each runs; 20
#   INPUT         a file: only this input is tried, by one target
#   MERGE=1       puts what was found into the corpus: as few and as small inputs as reach all of its edges,
#                 beside those that failed once
set -euo pipefail

cd "$(dirname "$(realpath "$0")")"
build=$(realpath ../..)/.build/fuzz
out=$(realpath -m ../../dist/fuzz)
targets=("$@")
[ $# -gt 0 ] || targets=(policies cel records symbols oci)

# Swift's own backtraces need more than a program has that another tells to stop; libFuzzer prints one, too. Leaks cannot
# be told: Swift keeps bits of its own in pointers. What grows without end meets rss_limit_mb.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0

mkdir -p "$out"

# build [TARGET]: without one, all at once.
build() {
    local started=$SECONDS
    if ! swift build -c release ${1:+--product "$1"} --scratch-path "$build" --sanitize fuzzer --sanitize address \
        -Xswiftc -use-ld=lld >"$out/build.log" 2>&1; then
        cat "$out/build.log" >&2
        return 1
    fi
    echo "fuzz: ${1:-everything} is built, $((SECONDS - started)) s"
}

# The longest input, and words for the target.
options_of() {
    case $1 in
        policies) echo "-max_len=4096 -dict=policies.dict" ;;
        cel) echo "-max_len=1024 -dict=cel.dict" ;;
        records | symbols) echo "-max_len=8192" ;;
        oci) echo "-max_len=4096" ;;
        *) echo "fuzz: there is no target $1: policies, cel, records, symbols, oci" >&2 && return 1 ;;
    esac
}

[ $# -gt 0 ] || build
failed=0
for target in "${targets[@]}"; do
    read -ra options <<<"$(options_of "$target")"
    found=$out/$target.found log=$out/$target.log program=$build/release/$target
    [ $# = 0 ] || build "$target"
    mkdir -p "$found" "$out/crashes"
    options+=(-timeout=25 -rss_limit_mb=2048 -report_slow_units=5 "-artifact_prefix=$out/crashes/$target-")
    if [ -n "${INPUT:-}" ]; then
        "$program" "${options[@]}" "$INPUT"
        continue
    fi
    status=0
    "$program" "${options[@]}" -max_total_time="${SECONDS_EACH:-20}" -print_final_stats=1 \
        "$found" "corpus/$target" >"$log" 2>&1 || status=$?
    awk -v target="$target" '
        / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "ft:") features = $(i + 1) } }
        /^INFO: Loaded .* PC tables/ { all = $6; sub(/\(/, "", all) }
        /number_of_executed_units/ { runs = $2 }
        /peak_rss_mb/ { peak = $2 }
        /slowest_unit_time_sec/ { slowest = $2 }
        END { printf "fuzz: %s: %d inputs tried, %d of %d edges, %d features, slowest input %d s, %d MB at most\n",
            target, runs, edges, all, features, slowest, peak }' "$log"
    if [ "$status" != 0 ]; then
        failed=1
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        echo "fuzz: $target FAILED. What it says, in whole in $log:" >&2
        grep -vE '^#[0-9]+|NEW_FUNC|^INFO' "$log" | cut -c 1-300 | head -n 40 >&2
        echo "fuzz: the input is $input; again: INPUT=$input Tests/Fuzzing/fuzz.sh $target" >&2
        [ -f "$input" ] && base64 "$input" | head -c 8192 >&2
    elif [ -n "${MERGE:-}" ]; then
        rm -rf "$out/merged" && mkdir "$out/merged"
        "$program" "${options[@]}" -merge=1 -use_counters=0 "$out/merged" "corpus/$target" "$found" >"$log" 2>&1
        # What failed once stays, whatever else reaches as much.
        find "corpus/$target" -name '*-crash-*' -exec cp -t "$out/merged" {} +
        rm -rf "corpus/$target" "$found" && mv "$out/merged" "corpus/$target"
    fi
done
exit $failed

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Looks, changes nothing: the layout of Swift and C, a licence line in every source file, no room that reaches back,
# a small corpus.
set -u
failed=0
complain() { echo "check: $*" >&2; failed=1; }

# What is written by generators looks as they like it.
generated=(':!*.pb.swift' ':!*.grpc.swift')
mapfile -t swift < <(git ls-files '*.swift' "${generated[@]}")
swift format lint --strict --parallel "${swift[@]}" || complain "swift-format: 'make format' mends most of it"

mapfile -t c < <(git ls-files '*.c' '*.cc' '*.h')
clang-format --dry-run --Werror "${c[@]}" || complain "clang-format: 'make format' mends it"

while read -r file; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier' || complain "$file has no SPDX line"
done < <(git ls-files '*.swift' '*.c' '*.cc' '*.h' '*.sh' '*.py' Makefile "${generated[@]}")

# The hook and its values stay small; one import of Foundation would bring 30 MB into every binary. The agent has it by its
# SQLite library, and decodes the Kubernetes API's objects with it.
if git grep -nE '^(package |internal |public )?import Foundation' -- Sources "${generated[@]}" ':!Sources/Pods'; then
    complain "Foundation is imported"
fi
# Every run of the tests goes through all of it.
corpus=$(git ls-files -z Tests/Fuzzing/corpus | du -cb --files0-from=- | tail -n 1 | cut -f 1)
[ "$corpus" -le $((4 << 20)) ] || complain "the fuzzers' corpus has $corpus bytes: MERGE=1 Tests/Fuzzing/fuzz.sh"
exit $failed

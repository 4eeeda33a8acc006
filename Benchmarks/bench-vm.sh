#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures in instructions, in guests. dist/ must be built.
#
# usage: Benchmarks/bench-vm.sh [FLAG]...   (--help lists them)
set -eu
here=$(dirname "$0")
"$here/programs/build.sh"
exec python3 -B "$here/bench_vm.py" "$@"

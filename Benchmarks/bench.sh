#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures. dist/ must be built.
#
# usage: Benchmarks/bench.sh [FLAG]...   (--help lists them)
set -eu
here=$(dirname "$0")
"$here/programs/build.sh"
exec python3 -B "$here/bench.py" "$@"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copies release binaries into dist/, stripped. Each replaces its predecessor in one step, running or not.
set -eu
mkdir -p dist
for binary in "$@"; do
    name=${binary##*/}
    strip -o "dist/.$name.new" "$binary"
    mv -f "dist/.$name.new" "dist/$name"
done

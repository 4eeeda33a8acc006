#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copies the release binaries into dist/, stripped. Each replaces its predecessor in one step, running or not.
set -eu
from=$1
mkdir -p dist
for name in apus-agent apus-oci-hook apus; do
    strip -o "dist/.$name.new" "$from/$name"
    mv -f "dist/.$name.new" "dist/$name"
done

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every test. They load BPF programs and start containers: root.
set -eu
if [ "$(id -u)" != 0 ]; then
    echo "make test: the tests load BPF programs and start containers; run them as root" >&2
    exit 1
fi
export APUS_DIST=$PWD/dist APUS_TEST_PROGRAMS=$PWD/dist/tests APUS_FOREIGN=$PWD/dist/foreign
export APUS_HOOK=$PWD/dist/apus-oci-hook APUS_HOOK_DEBUG=$PWD/dist/debug/apus-oci-hook
exec swift test "$@" --skip-build --no-parallel

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes the tables of docs/compatibility.md anew from proto/ and Tests/TetragonAPI/coverage.tsv.
set -eu
cd "$(dirname "$0")/.."
APUS_UPDATE_TABLE=1 exec swift test --filter 'CompatibilityTests/document'

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes a manual page for each command of the client into a directory, from what the client says of itself: by the
# generator that comes with its argument parser. That has no product of its own, so it is built where its sources are.
#     dev/generate-manual.sh <client> <directory>
set -eu
client=$1
directory=$2

parser=.build/checkouts/swift-argument-parser
[ -d "$parser" ] || swift package resolve
swift build --package-path "$parser" --scratch-path .build/manual --product generate-manual

# The date of what was released, not that of this run.
date=$(git log -1 --format=%cs 2>/dev/null || date +%F)
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$(swift build --package-path "$parser" --scratch-path .build/manual --show-bin-path)/generate-manual" \
    "$client" --multi-page --date "$date" --output-directory "$fresh"
rm -f "$fresh"/apus.help.1

# `man apus getevents` looks for apus-getevents; this is no BSD; and exit status 2 has a meaning of its own.
mkdir -p "$directory"
rm -f "$directory"/apus*.1
version=$("$client" --version)
for page in "$fresh"/*.1; do
    name=$(basename "$page" .1)
    awk -v made_for="apus $version" '
        $1 == ".Xr" && $2 == "apus.help" { next }
        $1 == ".Dt" || $1 == ".Xr" { gsub(/\./, "-", $2) }
        $1 == ".Os" { print ".Os \"" made_for "\""; next }
        $1 == ".Ex" {
            print "0 when all went well, 1 when something failed, 2 when the command line could not be understood."
            next
        }
        /^$/ { print ".Pp"; next }
        { print }' "$page" >"$directory/${name//./-}.1"
done

# Every command has its page.
client=$client directory=$directory python3 - <<'PYTHON'
import json, os, subprocess, sys

def names(command, above=""):
    name = above + command["commandName"]
    yield name
    for below in command.get("subcommands", []):
        if below["commandName"] != "help":
            yield from names(below, name + "-")

dump = subprocess.check_output([os.environ["client"], "--experimental-dump-help"])
expected = set(names(json.loads(dump)["command"]))
there = set()
for name in os.listdir(os.environ["directory"]):
    with open(os.path.join(os.environ["directory"], name), encoding="utf-8") as page:
        if name.endswith(".1") and ".Sh SYNOPSIS" in page.read():
            there.add(name[:-2])
if expected != there:
    sys.exit(f"generate-manual: commands without a page, or pages without a command: {sorted(expected ^ there)}")
print(f"{len(there)} pages in {os.environ['directory']}")
PYTHON

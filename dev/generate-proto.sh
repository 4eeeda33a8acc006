#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes the Swift code for proto/ into Sources/TetragonAPI, or into the directory given.
#
# The generated code is checked in: its generators come with the package graph, but running them at every build would
# mean compiling protoc too. A test holds the two equal.
#
# usage: dev/generate-proto.sh [OUTPUT_DIRECTORY]
#
# PLUGINS, if set, is a directory that has the generators already; otherwise they are built.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
output=${1:-$root/Sources/TetragonAPI}

if ! command -v protoc >/dev/null; then
    echo "generate-proto: protoc is missing; on Debian: apt-get install protobuf-compiler libprotobuf-dev" >&2
    exit 1
fi

if [ -z "${PLUGINS:-}" ]; then
    cd "$root"
    swift build --product protoc-gen-swift >&2
    swift build --product protoc-gen-grpc-swift-2 >&2
    PLUGINS=$(swift build --show-bin-path)
fi

# What is not generated any more shall not stay behind.
mkdir -p "$output"
rm -f "$output"/*.pb.swift "$output"/*.grpc.swift

options=Visibility=Package,FileNaming=DropPath,UseAccessLevelOnImports=true
protoc --proto_path="$root/proto" \
    --plugin="$PLUGINS/protoc-gen-swift" --swift_out="$output" --swift_opt="$options" \
    "$root"/proto/tetragon/*.proto
# Only these have a service; of the others nothing but a header would come.
protoc --proto_path="$root/proto" \
    --plugin="$PLUGINS/protoc-gen-grpc-swift-2" --grpc-swift-2_out="$output" --grpc-swift-2_opt="$options" \
    "$root/proto/tetragon/sensors.proto" "$root/proto/tetragon/node.proto"

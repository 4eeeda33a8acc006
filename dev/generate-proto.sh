#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes the Swift code for proto/ into the targets of Sources/ that have generated code, or into directories of their
# names below the one given.
#
# The generated code is checked in: its generators come with the package graph, but running them at every build would
# mean compiling protoc too. A test holds the two equal.
#
# usage: dev/generate-proto.sh [OUTPUT_DIRECTORY]
#
# PLUGINS, if set, is a directory that has the generators already; otherwise they are built.
set -eu -o pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
output=${1:-$root/Sources}

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

options=Visibility=Package,FileNaming=DropPath,UseAccessLevelOnImports=true

# usage: generate DIRECTORIES_OF_PROTO TARGET [FILE_WITH_A_SERVICE…]
# Only those files have a service that is spoken over gRPC; of the others nothing but a header would come.
generate() {
    local files=() from target=$output/$2
    for from in $1; do files+=("$root/proto/$from"/*.proto); done
    shift 2
    # What is not generated any more shall not stay behind.
    mkdir -p "$target"
    rm -f "$target"/*.pb.swift "$target"/*.grpc.swift
    protoc --proto_path="$root/proto" \
        --plugin="$PLUGINS/protoc-gen-swift" --swift_out="$target" --swift_opt="$options" "${files[@]}"
    [ $# = 0 ] || protoc --proto_path="$root/proto" \
        --plugin="$PLUGINS/protoc-gen-grpc-swift-2" --grpc-swift-2_out="$target" --grpc-swift-2_opt="$options" \
        "${@/#/$root/proto/}"
}

generate "tetragon apus grpc" TetragonAPI tetragon/sensors.proto apus/node.proto grpc/health.proto grpc/reflection.proto

# What the server tells of itself to clients that have no proto files.
descriptors=$(protoc --proto_path="$root/proto" --include_imports --descriptor_set_out=/dev/stdout \
    "$root"/proto/{tetragon/sensors,apus/node,grpc/health,grpc/reflection}.proto | base64 -w 0)
{
    echo '// DO NOT EDIT. Written by dev/generate-proto.sh: what the server tells clients that ask for its proto files.'
    printf '\n/// A google.protobuf.FileDescriptorSet of what is served and all that it imports, as base64.\n'
    printf 'package let servedDescriptors: StaticString =\n    "%s"\n' "$descriptors"
} >"$output/TetragonAPI/served.pb.swift"
generate cri CRIAPI cri/runtime.proto
generate nri NRI

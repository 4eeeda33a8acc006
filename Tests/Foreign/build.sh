#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds clients that share nothing with Apus but proto/: other languages, another gRPC.
#
# Debian packages: protobuf-compiler protobuf-compiler-grpc libprotobuf-dev python3-protobuf python3-grpcio python3-h2
# g++ pkg-config libgrpc++-dev libnghttp2-dev
#
# usage: Tests/Foreign/build.sh OUTPUT_DIRECTORY
#
# leaves there  client-python ADDRESS [REQUEST]  prints each event as a line of JSON, says "subscribed" on stderr
#               client-cpp [--strict] ADDRESS [REQUEST]  the same in C++; --strict ends at an event without a process
#               surface WHAT ADDRESS [CA [CERTIFICATE KEY]]
#                                       asks for one thing, also over TLS, and prints the answer as JSON
#               subscribers SOCKET WORD EXPECTED STORMS SECONDS CONNECTIONSxSTREAMS...
#                                       a thousand subscribers that do not decode, if it is told to
#               pinger ADDRESS SECONDS  behaves as grpc-go does and reports whether the server put up with it
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTPUT_DIRECTORY" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
proto=$(cd "$here/../../proto" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)

# C++ takes a minute: do it again only when something has changed.
if [ -e "$out/built" ] && [ -z "$(find "$here" "$proto" -newer "$out/built" -type f)" ]; then
    exit 0
fi
rm -f "$out/built"

mkdir -p "$out/python" "$out/cpp"
protoc --proto_path="$proto" \
    --python_out="$out/python" --cpp_out="$out/cpp" \
    --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" --grpc_python_out="$out/python" \
    --plugin=protoc-gen-grpc_cpp="$(command -v grpc_cpp_plugin)" --grpc_cpp_out="$out/cpp" \
    "$proto"/tetragon/*.proto

# Below their directory: Python's gRPC is itself a module called grpc.
protoc --proto_path="$proto/grpc" --python_out="$out/python" \
    --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" --grpc_python_out="$out/python" \
    "$proto"/grpc/*.proto

# Debian's packages belong to Debian's Python, which need not be the first one in PATH.
install_python() {
    cp "$here/$1.py" "$out/python/$1.py"
    printf '#!/bin/sh\nexec /usr/bin/python3 "%s" "$@"\n' "$out/python/$1.py" >"$out/$2"
    chmod +x "$out/$2"
}
install_python client client-python
install_python surface surface
cp "$here/pinger.py" "$out/pinger"
chmod +x "$out/pinger"

cc -std=gnu11 -O2 -Wall -Wextra -o "$out/subscribers" "$here/subscribers.c" -lnghttp2

flags="-std=c++17 -O0 -I$out/cpp $(pkg-config --cflags grpc++ protobuf)"
find "$out/cpp/tetragon" -name '*.pb.cc' ! -name '*.grpc.pb.cc' >"$out/cpp/sources"
echo "$out/cpp/tetragon/sensors.grpc.pb.cc" >>"$out/cpp/sources"
echo "$here/client.cc" >>"$out/cpp/sources"
rm -f "$out"/cpp/*.o
# shellcheck disable=SC2016,SC2086
xargs -P "$(nproc)" -I{} sh -c 'g++ $1 -c "$2" -o "$3/$(basename "$2" .cc).o"' _ "$flags" {} "$out/cpp" \
    <"$out/cpp/sources"
# shellcheck disable=SC2046
g++ "$out"/cpp/*.o -o "$out/client-cpp" $(pkg-config --libs grpc++ protobuf)

touch "$out/built"

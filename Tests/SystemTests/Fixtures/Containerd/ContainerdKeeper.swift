// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Runs a containerd and takes it away again with all that it made: shims, containers, mounts, cgroups, sockets.
///
/// A program of its own in a session of its own, because shims and containers outlive both containerd and a test program
/// that crashes or is killed.
struct ContainerdKeeper {
    /// A name in the root of each hierarchy.
    let cgroup = "/" + uniqueWord("apus-containerd")
    private let directory: TemporaryDirectory
    private let command: Command

    /// Starts containerd with config.toml of the directory.
    init(_ directory: TemporaryDirectory) throws {
        self.directory = directory
        command = try Command([
            "setsid", try Artifacts.tool("bash"), "-c", Self.script, try Artifacts.tool("containerd"),
            directory.path, cgroup, "\(getpid())",
        ])
    }

    var isRunning: Bool { command.isRunning }

    var log: String {
        String(decoding: FileManager.default.contents(atPath: directory("log")) ?? Data(), as: UTF8.self)
            + command.errorsSoFar
    }

    /// Takes it away. Fails if something stays behind.
    func end() async throws {
        command.signal(SIGTERM)
        let outcome = try await command.outcome(within: .seconds(20))
        guard outcome.status == 0 else { throw Failure("what containerd made is not all gone. \(outcome.errors)") }
    }

    /// $0 is containerd; then come its directory, its cgroup and the pid of the test program.
    ///
    /// containerd gets a cgroup below the one given. Shims stay in it and containers are put beside it, so what is in
    /// that one is all.
    private static let script = #"""
        directory=$1 cgroup=$2 tests=$3

        hierarchies=()
        home=
        while read -r _ mount type _; do
            case $type in cgroup | cgroup2) hierarchies+=("$mount$cgroup") ;; esac
            # cgroup2 is in all of hybrid and v2 machines; in v1 alone any without conditions will do.
            case $type:$mount in cgroup2:* | cgroup:*/pids) [ "$home" ] && [ "$type" = cgroup ] || home=$mount$cgroup ;; esac
        done </proc/mounts

        members() { find "${hierarchies[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null; }
        mounts() { while read -r _ mount _; do case $mount in "$directory"/*) echo "$mount" ;; esac; done </proc/mounts; }

        trap 'ended=1' TERM INT HUP
        mkdir -p "$home/containerd"
        (echo "$BASHPID" >"$home/containerd/cgroup.procs" && exec "$0" --config "$directory/config.toml") \
            >"$directory/log" 2>&1 &
        daemon=$!
        while [ -z "${ended:-}" ] && kill -0 "$tests" && kill -0 "$daemon"; do
            sleep 1 &
            wait $!
        done 2>/dev/null

        # First who makes new ones. A shim says where its socket is, in a file without a newline.
        kill -KILL "$daemon" 2>/dev/null
        wait "$daemon" 2>/dev/null
        sockets=()
        for file in "$directory"/state/io.containerd.runtime.v2.task/*/*/address; do
            [ -e "$file" ] && sockets+=("$(cat "$file")")
        done
        for _ in {1..200}; do
            left=$(members | sort -u)
            [ -z "$left" ] && break
            kill -KILL $left 2>/dev/null
            sleep 0.05
        done
        mounts | tac | while read -r mount; do umount --lazy "$mount"; done
        for socket in "${sockets[@]}"; do rm -f "${socket#unix://}"; done
        # Shims make it, whatever containerd is told; it stays where others have something in it.
        rmdir /run/containerd/s /run/containerd 2>/dev/null
        for hierarchy in "${hierarchies[@]}"; do
            [ ! -d "$hierarchy" ] || find "$hierarchy" -depth -type d -exec rmdir {} +
        done

        failed=0
        [ -z "$left" ] || { echo "still there: processes $left" >&2; failed=1; }
        [ -z "$(mounts)" ] || { echo "still mounted: $(mounts)" >&2; failed=1; }
        for hierarchy in "${hierarchies[@]}"; do
            [ ! -d "$hierarchy" ] || { echo "still there: $hierarchy" >&2; failed=1; }
        done
        # What is mounted must not be emptied.
        [ $failed = 1 ] || kill -0 "$tests" 2>/dev/null || rm -rf "$directory"
        exit $failed
        """#
}

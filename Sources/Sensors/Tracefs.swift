// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The kernel's list of tracepoints: tracefs where it is mounted, else a mount of our own that nobody else sees.
struct Tracefs: ~Copyable {
    let path: String
    private let mount: Int32?

    init() throws(Absence) {
        let places = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]
        if let place = places.first(where: { access($0 + "/events", F_OK) == 0 }) {
            (path, mount) = (place, nil)
            return
        }
        let mount = apus_detached_mount("tracefs")
        guard mount >= 0 else { throw Absence("mount tracefs", errno: errno) }
        (path, self.mount) = ("/proc/self/fd/\(mount)", mount)
    }

    deinit { if let mount { close(mount) } }
}

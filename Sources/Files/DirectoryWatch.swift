// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc
package import SystemPackage

/// Calls when something in a directory is made, written to its end, moved or removed. It may call for nothing.
package final class DirectoryWatch {
    private let path: String
    private let descriptor: Int32
    private let source: any DispatchSourceRead
    private var watch: Int32 = -1

    package init(_ path: String, _ onChange: @escaping @Sendable () -> Void) throws(Errno) {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        self.path = path
        self.descriptor = descriptor
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global(qos: .utility))
        source.setEventHandler {
            // What exactly happened is read from the directory itself.
            var events = [UInt8](repeating: 0, count: 4096)
            while read(descriptor, &events, events.count) > 0 {}
            onChange()
        }
        source.setCancelHandler { close(descriptor) }
        source.resume()
    }

    deinit { source.cancel() }

    /// Watches the directory that has the name now. Called before each reading, it finds one that was put in another's
    /// place, and nothing falls between.
    package func renew() {
        let mask =
            UInt32(IN_CREATE) | UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM)
            | UInt32(IN_DELETE) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF)
        let new = inotify_add_watch(descriptor, path, mask)
        if watch >= 0, new != watch { inotify_rm_watch(descriptor, watch) }
        watch = new
    }
}

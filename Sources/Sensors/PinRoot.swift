// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The directory of a BPF file system below which an agent pins what shall outlive it: a directory for each agent that
/// has pinned anything there, by number, the last is the greatest.
///
/// Held by a lock for as long as the value is there: of two agents the second does not touch what the first has pinned.
package final class PinRoot {
    package static let usualMount = "/sys/fs/bpf"

    /// Nobody pins as many things as that.
    private static let namesMax = 65_536

    package let path: String
    /// An agent that pins needs the directory until its end.
    private let isNeeded: Bool
    private let descriptor: Int32

    /// - Parameters:
    ///   - name: of the directory.
    ///   - isNeeded: it is made if it is not there; otherwise there is nothing then.
    ///   - mount: where the BPF file system is.
    package init?(_ name: String, isNeeded: Bool, below mount: String = PinRoot.usualMount) throws(PinError) {
        let path = "\(mount)/\(name)"
        self.path = path
        self.isNeeded = isNeeded
        guard apus_filesystem_type(mount) == apus_magic_bpf else {
            guard isNeeded else { return nil }
            throw PinError(
                """
                --keep-sensors-on-exit: \(mount) is no BPF file system, so that nothing can be pinned: mount one \
                (mount -t bpf bpf \(mount)); where the agent is in a container, the host's has to be there
                """)
        }
        if isNeeded, mkdir(path, 0o700) != 0, errno != EEXIST {
            throw PinError("--bpf-dir: cannot make the directory \(path): \(String(cString: strerror(errno)))")
        }
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT, !isNeeded { return nil }
            throw PinError(
                """
                --bpf-dir: cannot open the directory \(path): \(String(cString: strerror(errno))); remove what is \
                there, or give another name
                """)
        }
        // From here on what fails is closed by deinit.
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
            throw PinError(
                """
                --bpf-dir: others than the agent's user may write or look into \(path): chmod 0700 and chown it if \
                what is there can be trusted, or give another name
                """)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw PinError("--bpf-dir: another agent that runs pins below \(path): give this one another name")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// What earlier agents have left, the oldest first.
    var runs: [Int] { Self.names(in: path).compactMap { Int($0) }.filter { $0 > 0 }.sorted() }

    /// The directory goes if nothing is in it, and nobody needs it any more.
    func removeIfEmpty(atEnd isEnd: Bool = false) { if isEnd || !isNeeded { rmdir(path) } }

    static func names(in directory: String) -> [String] {
        guard let opened = opendir(directory) else { return [] }
        defer { closedir(opened) }
        var names: [String] = []
        while names.count < namesMax, let entry = readdir(opened) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    /// Takes a directory away with the pins that are in it, and in directories of it: those of `last` at the end.
    static func remove(_ directory: String, last: Set<String> = []) {
        let names = names(in: directory).sorted { !last.contains($0) && last.contains($1) }
        for name in names {
            let path = "\(directory)/\(name)"
            if unlink(path) == 0 { continue }
            for inner in Self.names(in: path) { unlink("\(path)/\(inner)") }
            rmdir(path)
        }
        rmdir(directory)
    }
}

/// Why nothing can be pinned: what was asked for by which flag, and what can be done.
package struct PinError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

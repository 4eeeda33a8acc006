// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A request that a hook left because it could not reach the agent.
package struct SpooledRequest: Sendable {
    /// The file's name: the container's id.
    package let name: String
    /// An encoded RuntimeHookRequest, as far as anybody knows.
    package let bytes: [UInt8]
    /// When it was written, in nanoseconds of the boot clock; negative if that was before this boot.
    package let written: Int64
}

/// The directory in which hooks leave their requests while the agent is not there.
///
/// What is in it is believed only if root alone can have written it: a directory and regular files of root's, closed to
/// everybody else, with no links. Reading it is bounded in files and bytes.
package struct Spool: Sendable {
    package static let largestFile = 64 << 10
    package static let mostFiles = 1000

    /// What was found at a start.
    package struct Contents: Sendable {
        package var requests: [SpooledRequest] = []
        /// Files, or the directory itself, that were left unread, and why.
        package var refused: [(name: String, why: String)] = []
    }

    package let directory: String

    private var root: RootsDirectory { RootsDirectory(directory) }

    package init(directory: String) { self.directory = directory }

    /// Makes the directory where it is missing.
    /// - Returns: why that is impossible, or nil.
    package func prepare() -> String? {
        do throws(RootsDirectory.Unfit) {
            try root.make()
            return nil
        } catch {
            return error.description
        }
    }

    /// Reads what is there and can be believed. Everything that was looked at is to be removed by ``remove(_:)`` when it
    /// has been handled; what cannot be believed is removed here.
    package func take() -> Contents {
        var contents = Contents()
        let descriptor: Int32
        do throws(RootsDirectory.Unfit) {
            descriptor = try root.open()
        } catch {
            contents.refused.append((directory, error.description))
            return contents
        }
        defer { close(descriptor) }
        for name in Self.names(in: descriptor) {
            do throws(Unfit) {
                contents.requests.append(try Self.read(name, in: descriptor))
            } catch {
                contents.refused.append((name, error.why))
                unlinkat(descriptor, name, 0)
            }
        }
        return contents
    }

    /// Removes a file that has been handled.
    package func remove(_ request: SpooledRequest) {
        guard let descriptor = try? root.open() else { return }
        defer { close(descriptor) }
        unlinkat(descriptor, request.name, 0)
    }

    // MARK: -

    private struct Unfit: Error { let why: String }

    private static var error: String { String(cString: strerror(errno)) }

    private static func names(in directory: Int32) -> [String] {
        let copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else {
            if copy >= 0 { close(copy) }
            return []
        }
        defer { closedir(stream) }
        var names: [String] = []
        while names.count < mostFiles, let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func read(_ name: String, in directory: Int32) throws(Unfit) -> SpooledRequest {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY
        let descriptor = openat(directory, name, flags)
        guard descriptor >= 0 else { throw Unfit(why: "cannot open it: \(error)") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1,
            status.st_uid == 0, status.st_mode & 0o7777 == 0o600
        else { throw Unfit(why: "it is no regular file of root's with mode 0600 and one name") }
        guard !name.hasPrefix(".") else { throw Unfit(why: "its hook did not get to the end of it") }
        guard (1...largestFile).contains(Int(status.st_size)) else {
            throw Unfit(why: "it has \(status.st_size) bytes, and may have 1 to \(largestFile)")
        }
        let size = Int(status.st_size)
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, size - count)
                guard got > 0 else { break }
                count += got
            }
        }
        guard bytes.count == size else { throw Unfit(why: "it could not be read whole") }
        return SpooledRequest(name: name, bytes: bytes, written: bootTime(of: status.st_mtim))
    }

    /// A file's time is of the wall clock, which may have been set since; processes count from the boot.
    private static func bootTime(of time: timespec) -> Int64 {
        var (wall, boot) = (timespec(), timespec())
        clock_gettime(CLOCK_REALTIME, &wall)
        clock_gettime(CLOCK_BOOTTIME, &boot)
        let seconds = Int64(boot.tv_sec) &- (Int64(wall.tv_sec) &- Int64(time.tv_sec))
        let nanoseconds = Int64(boot.tv_nsec) &- (Int64(wall.tv_nsec) &- Int64(time.tv_nsec))
        return seconds &* 1_000_000_000 &+ nanoseconds
    }
}

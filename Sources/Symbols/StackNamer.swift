// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Finds names for the places in stacks. It reads files, some of them of processes that nobody trusts, and takes its
/// time: to be used by a thread that may wait.
package final class StackNamer {
    private let procfs: String

    private var kernel: KernelSymbols?
    /// What of the kernel's modules the table was made for.
    private var modules: [UInt8] = []
    private var lookedAtModules: UInt64 = 0

    private struct FileKey: Hashable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var changed: Int64
    }

    private var files: [FileKey: (symbols: ELFSymbols?, use: UInt64)] = [:]
    private var fileBytes = 0
    private var uses: UInt64 = 0

    private static let mostFiles = 64
    private static let mostFileBytes = 48 << 20
    /// Sixty thousand mappings.
    private static let mostMapBytes = 8 << 20
    /// Modules come and go; so often they are looked at, ns.
    private static let moduleInterval: UInt64 = 1_000_000_000

    /// - Parameter procfs: where the host's is mounted.
    package init(procfs: String) { self.procfs = procfs }

    // MARK: The kernel's

    /// Makes the table that ``kernelFrames(_:)`` needs, which takes a tenth of a second.
    package func prepareKernel() { refreshKernel() }

    package func kernelFrames(_ frames: [StackFrame]) -> [StackFrame] {
        guard !frames.isEmpty else { return [] }
        refreshKernel()
        return frames.map { kernel?.frame(at: $0.address) ?? $0 }
    }

    private func refreshKernel() {
        let now = Self.now
        guard kernel == nil || now &- lookedAtModules > Self.moduleInterval else { return }
        lookedAtModules = now
        let current = OpenFile("\(procfs)/modules").flatMap { $0.contents(atMost: 1 << 20) } ?? []
        // Use counts change all the time: name, size and address say which modules there are.
        let said = current.split(separator: UInt8(ascii: "\n")).flatMap { line in
            let words = line.split(separator: UInt8(ascii: " "))
            return Array((words.prefix(2) + words.suffix(1)).joined(separator: [UInt8(ascii: " ")]))
        }
        guard kernel == nil || said != modules else { return }
        modules = said
        kernel = KernelSymbols(
            kallsyms: OpenFile("\(procfs)/kallsyms").flatMap { $0.contents(atMost: KernelSymbols.mostBytes) } ?? [])
    }

    // MARK: Programs'

    /// Those of a process, if it is still there.
    package func userFrames(_ frames: [StackFrame], of pid: UInt32) -> [StackFrame] {
        guard !frames.isEmpty,
            let maps = OpenFile("\(procfs)/\(pid)/maps").flatMap({ $0.contents(atMost: Self.mostMapBytes) })
        else { return frames }
        let mappings = Mapping.executable(in: maps)
        let remote = mappings.allSatisfy(\.hasOwnDevice) ? [] : remoteDevices(of: pid)
        return frames.map { frame in
            guard let mapping = mappings.first(where: { $0.start <= frame.address && frame.address < $0.end }) else {
                return frame
            }
            var named = frame
            let place = mapping.offset &+ (frame.address - mapping.start)
            (named.module, named.offset) = (mapping.path, place)
            // Whoever serves the file decides when, or whether, it can be read.
            guard mapping.isFile, !remote.contains(mapping.device),
                let function = symbols(of: mapping, pid)?.function(at: place)
            else { return named }
            (named.symbol, named.offset) = (function.name, function.offset)
            return named
        }
    }

    /// File systems behind which there is a program or a network, by their devices as maps writes them.
    private func remoteDevices(of pid: UInt32) -> Set<String> {
        let text = OpenFile("\(procfs)/\(pid)/mountinfo").flatMap { $0.contents(atMost: 4 << 20) } ?? []
        var devices: Set<String> = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
            guard words.count > 3, let dash = words.firstIndex(of: [UInt8(ascii: "-")]), dash + 1 < words.count else {
                continue
            }
            let type = String(decoding: words[dash + 1], as: UTF8.self)
            guard ["fuse", "nfs", "cifs", "smb", "9p", "ceph", "afs", "virtiofs"].contains(where: type.hasPrefix) else {
                continue
            }
            let numbers = words[2].split(separator: UInt8(ascii: ":")).compactMap {
                UInt32(String(decoding: $0, as: UTF8.self))
            }
            guard numbers.count == 2 else { continue }
            devices.insert(numbers.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":"))
        }
        return devices
    }

    private func symbols(of mapping: Mapping, _ pid: UInt32) -> ELFSymbols? {
        // By the mapping itself: the file that was mapped, whatever has that name by now.
        let range = String(mapping.start, radix: 16) + "-" + String(mapping.end, radix: 16)
        guard
            let file = OpenFile("\(procfs)/\(pid)/map_files/\(range)")
                ?? OpenFile("\(procfs)/\(pid)/root\(mapping.path)")
        else { return nil }
        var status = stat()
        guard fstat(file.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            UInt64(status.st_ino) == mapping.inode
        else { return nil }
        let key = FileKey(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            changed: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
        uses += 1
        if let known = files[key] {
            files[key]?.use = uses
            return known.symbols
        }
        let symbols = ELFSymbols(file)
        files[key] = (symbols, uses)
        fileBytes += symbols?.size ?? 0
        while files.count > 1, files.count > Self.mostFiles || fileBytes > Self.mostFileBytes,
            let oldest = files.min(by: { $0.value.use < $1.value.use })
        {
            fileBytes -= oldest.value.symbols?.size ?? 0
            files[oldest.key] = nil
        }
        return symbols
    }

    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

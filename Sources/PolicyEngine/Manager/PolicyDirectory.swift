// SPDX-License-Identifier: Apache-2.0
internal import Files
internal import Glibc
package import Logging
internal import SystemPackage

/// A directory of policies: each holds as long as its file is there and says so.
package actor PolicyDirectory {
    /// Files beyond are not read.
    package static let maximumFiles = 1000

    private let path: String
    private let manager: PolicyManager
    private let log: Logger
    private let period: Duration
    /// Editors and installers write a file in several steps.
    private let debounce = Duration.milliseconds(200)
    /// What has been read, and how the file was then; nil: it may have changed since without a trace.
    private var files: [String: FileSignature?] = [:]
    private var problem: String?

    /// - Parameter period: how often everything is looked through even if nobody says that it changed.
    package init(_ path: String, _ manager: PolicyManager, log: Logger, period: Duration = .seconds(30)) {
        self.path = path
        self.manager = manager
        self.log = log
        self.period = period
    }

    /// Loads what is new, and unloads what is gone. In the order of the names; what cannot be loaded is logged, and
    /// listed as such.
    package func read() async {
        let names: [String]
        do throws(Errno) {
            names = try fileNames()
        } catch .noSuchFileOrDirectory {
            names = []
        } catch {
            return report("cannot list the directory of policies, what was known stays", "\(error)")
        }
        for name in names { await read(name) }
        // After what is there: a file that only has another name now has its policies already.
        let gone = Set(files.keys).subtracting(names).sorted()
        for name in gone {
            files[name] = nil
            log.info("policy file is gone", metadata: ["file": "\(path)/\(name)"])
            await PolicyFile("\(path)/\(name)").unload(from: manager)
        }
        guard !gone.isEmpty else { return }
        // Others may have had a policy of the same name, or have found no room.
        for name in names {
            files[name] = .some(nil)
            await read(name)
        }
    }

    /// Follows the directory until the task is cancelled.
    package func run() async {
        let (ticks, tick) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let watch: DirectoryWatch?
        do throws(Errno) {
            watch = try DirectoryWatch(path) { tick.yield() }
        } catch {
            watch = nil
            report("cannot watch the directory of policies, it is read every \(period) instead", "inotify: \(error)")
        }
        let period = period
        await withTaskGroup { group in
            group.addTask {
                repeat { tick.yield() } while (try? await Task.sleep(for: period)) != nil
                tick.finish()
            }
            for await _ in ticks {
                watch?.renew()
                await read()
                try? await Task.sleep(for: debounce)
            }
            group.cancelAll()
        }
    }

    private func read(_ name: String) async {
        let file = "\(path)/\(name)"
        var signature: FileSignature?
        do {
            let opened = try SmallFile(file)
            if let known = files[name], known == opened.signature { return }
            if opened.signature.isSettled { signature = opened.signature }
        } catch FileProblem.system(.noSuchFileOrDirectory) {
            // Removed since it was listed, or a link to nothing: the next look tells.
            if files.removeValue(forKey: name) != nil { await PolicyFile(file).unload(from: manager) }
            return
        } catch FileProblem.notRegular {
            return
        } catch {}
        files[name] = .some(signature)
        do {
            try await PolicyFile(file).load(into: manager)
            log.info("policy file loaded", metadata: ["file": "\(file)"])
        } catch {
            log.error("policy file not loaded", metadata: ["file": "\(file)", "error": "\(error)"])
        }
    }

    /// Of files that are not hidden, the first by name.
    private func fileNames() throws(Errno) -> [String] {
        guard let directory = opendir(path) else { throw Errno(rawValue: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        // Of a directory that has gone wild the first ones are looked for among so many.
        while names.count < 10 * Self.maximumFiles, let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) {
                    String(cString: $0)
                }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        names.sort()
        if names.count > Self.maximumFiles {
            report("there are too many files of policies, the rest is left out", "more than \(Self.maximumFiles)")
            names.removeLast(names.count - Self.maximumFiles)
        } else {
            problem = nil
        }
        return names
    }

    private func report(_ message: String, _ reason: String) {
        if problem != message { log.warning("\(message)", metadata: ["directory": "\(path)", "reason": "\(reason)"]) }
        problem = message
    }
}

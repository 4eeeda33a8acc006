// SPDX-License-Identifier: Apache-2.0
internal import Files
internal import Glibc
internal import Logging
internal import Models
internal import SystemPackage

/// The files of a directory of manifests and what they said last.
struct ManifestDirectory {
    static let maximumFiles = 1_000
    static let maximumFileSize = 1 << 20
    static let suffixes = [".yaml", ".yml", ".json", ".manifest"]

    private let path: String
    private let logger: Logger
    private var files: [String: File] = [:]
    /// What was logged last of the directory itself: a trouble is told once.
    private var problem: String?

    private struct File {
        var signature: FileSignature?
        var pods: [PodObject] = []
        var problem: String?
    }

    init(path: String, logger: Logger) {
        self.path = path
        self.logger = logger
    }

    /// The pods of all files by the files' names. A file that cannot be understood stands for what it said before.
    mutating func read() -> [PodObject] {
        do throws(Errno) {
            let names = try names()
            files = files.filter { names.contains($0.key) }
            for name in names { read(name) }
        } catch .noSuchFileOrDirectory {
            files = [:]
            report("there is no directory of pod manifests, no pod is known from there")
        } catch {
            report("cannot list the directory of pod manifests (\(error)), what was known stays")
        }
        return files.sorted { $0.key < $1.key }.flatMap(\.value.pods)
    }

    private mutating func read(_ name: String) {
        var file = files[name] ?? File()
        do {
            let opened = try SmallFile(path + "/" + name)
            if file.signature == opened.signature { return }
            // Also of a file that is malformed: it is not read again before it changes.
            file.signature = opened.signature.isSettled ? opened.signature : nil
            file.pods = try Manifest.pods(opened.read(limit: Self.maximumFileSize))
            if file.problem != nil {
                logger.info("the pod manifest can be read again", metadata: ["file": "\(path)/\(name)"])
            }
            file.problem = nil
        } catch FileProblem.system(.noSuchFileOrDirectory) {
            // Removed since it was listed, or a link to nothing.
            files[name] = nil
            return
        } catch {
            let problem = "\(error)"
            if file.problem != problem {
                logger.warning(
                    "cannot use the pod manifest, what it said before stays",
                    metadata: ["file": "\(path)/\(name)", "reason": "\(problem)", "pods": "\(file.pods.count)"])
            }
            file.problem = problem
        }
        files[name] = file
    }

    /// Of the files that may be manifests, the first by name.
    private mutating func names() throws(Errno) -> Set<String> {
        guard let directory = opendir(path) else { throw Errno(rawValue: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        // Ten times the bound is looked at, so that it is the first by name even in a directory that has gone wild.
        while names.count < 10 * Self.maximumFiles, let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) {
                    String(cString: $0)
                }
            }
            if !name.hasPrefix("."), Self.suffixes.contains(where: { name.hasSuffix($0) }) { names.append(name) }
        }
        if names.count > Self.maximumFiles {
            names.sort()
            names.removeLast(names.count - Self.maximumFiles)
            report("there are more than \(Self.maximumFiles) pod manifests, only the first by name are read")
        } else {
            problem = nil
        }
        return Set(names)
    }

    private mutating func report(_ message: String) {
        if problem != message { logger.warning("\(message)", metadata: ["directory": "\(path)"]) }
        problem = message
    }
}

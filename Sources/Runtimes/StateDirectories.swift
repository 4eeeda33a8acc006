// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import Glibc
internal import Models

/// The state directories of an OCI runtime: a directory a container, named by its id, in each of some roots.
struct StateDirectories: Sendable {
    /// Makes a draft of what is in a container's directory; nil if it does not make sense.
    typealias Reading = @Sendable (_ id: ContainerID, borrowing RecordDirectory) throws(RecordError) -> ContainerDraft?

    /// A whole configuration with its seccomp profile is some 100 KB.
    static let maximumRecord = 4 << 20

    /// The source's name, for messages.
    let source: String
    /// Absolute paths; one that ends in `/*` stands for every directory in it.
    let roots: [String]
    let procfs: Procfs
    let read: Reading

    func containers() async throws(SourceError) -> [ReportedContainer] {
        var result: [ReportedContainer] = []
        for root in try expandedRoots() {
            guard let names = try names(in: root) else { continue }
            for id in names.compactMap({ ContainerID($0) }) {
                if let container = await container(id, in: root) { result.append(container) }
                if result.count == maximumContainers { return result }
            }
        }
        return result
    }

    func container(_ id: ContainerID) async throws(SourceError) -> ReportedContainer? {
        for root in try expandedRoots() {
            if let container = await container(id, in: root) { return container }
        }
        return nil
    }

    /// One that has a process now. A runtime may be writing at this moment: what makes no sense is looked at again.
    private func container(_ id: ContainerID, in root: String) async -> ReportedContainer? {
        for pause in [0, 20] {
            if pause > 0 { try? await Task.sleep(for: .milliseconds(pause)) }
            do throws(RecordError) {
                guard let draft = try read(id, RecordDirectory(root).directory(id.text)),
                    let report = draft.checked(), let pid = report.initProcess, pid > 0
                else { continue }
                return procfs.startTime(of: pid) == report.initStart ? report : nil
            } catch {
                // Without a record there is no container: it is being removed, or never was one of this root's.
                return nil
            }
        }
        return nil
    }

    private func expandedRoots() throws(SourceError) -> [String] {
        var result: [String] = []
        for root in roots {
            guard root.hasSuffix("/*") else {
                result.append(root)
                continue
            }
            let parent = String(root.dropLast(2))
            for name in try names(in: parent) ?? [] { result.append("\(parent)/\(name)") }
        }
        return result
    }

    /// Nil where there is no such directory: the runtime is not installed, or has run nothing yet.
    private func names(in root: String) throws(SourceError) -> [String]? {
        do throws(RecordError) {
            return try RecordDirectory(root).names().sorted()
        } catch {
            if case .system(ENOENT) = error { return nil }
            if case .system(ENOTDIR) = error { return nil }
            throw SourceError(
                "\(source): cannot list the containers in \(root): \(error.description). The agent needs to read it as "
                    + "root; in a container of its own, the host's /run has to be mounted")
        }
    }
}

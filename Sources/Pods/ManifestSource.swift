// SPDX-License-Identifier: Apache-2.0
internal import Files
package import Logging
package import Models
internal import SystemPackage

/// Pods from a directory of manifests, as the kubelet runs them ("static pods"): `--pod-manifests`.
package struct ManifestSource: PodSource {
    private let directory: String
    private let nodeName: String
    private let logger: Logger
    private let period: Duration
    /// Editors and installers write a file in several steps.
    private let debounce = Duration.milliseconds(200)

    /// `period` is how often everything is looked through even if nobody says that it changed.
    package init(directory: String, nodeName: String, logger: Logger, period: Duration = .seconds(30)) {
        self.directory = directory
        self.nodeName = nodeName
        self.logger = logger
        self.period = period
    }

    package func run(_ tell: @escaping @Sendable (PodChange) async -> Void) async {
        let (ticks, tick) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let watch = makeWatch { tick.yield() }
        let period = period
        await withTaskGroup { group in
            group.addTask {
                repeat { tick.yield() } while (try? await Task.sleep(for: period)) != nil
                tick.finish()
            }
            var files = ManifestDirectory(path: directory, logger: logger)
            var table = ToldPods()
            var isFirst = true
            for await _ in ticks {
                if !isFirst { try? await Task.sleep(for: debounce) }
                watch?.renew()
                let refused = table.refused
                let changes = table.replace(with: names(files.read()))
                if isFirst { await tell(table.all) } else { for change in changes { await tell(change) } }
                isFirst = false
                if table.refused > 0, table.refused != refused {
                    logger.warning("there are too many pods in manifests", metadata: ["left_out": "\(table.refused)"])
                }
            }
            group.cancelAll()
        }
    }

    private func makeWatch(_ onChange: @escaping @Sendable () -> Void) -> DirectoryWatch? {
        do throws(Errno) {
            return try DirectoryWatch(directory, onChange)
        } catch {
            logger.warning(
                "cannot watch the directory of pod manifests, it is read every \(period) instead",
                metadata: ["directory": "\(directory)", "reason": "inotify: \(error)"])
            return nil
        }
    }

    /// A pod under the name that the file gives it, as a runtime without a kubelet would know it, and under that of the
    /// kubelet, which appends the node's.
    private func names(_ objects: [PodObject]) -> [Pod] {
        let asWritten = objects.compactMap { $0.pod() }
        let asKubelet = objects.compactMap { object in
            var object = object
            object.metadata.name? += "-" + nodeName.lowercased()
            return object.pod()
        }
        return asWritten + asKubelet
    }
}

// SPDX-License-Identifier: Apache-2.0
package import Containers
internal import Models

/// What all sources together tell, held against the kernel.
package struct Survey: Sendable {
    package struct Found: Sendable, Equatable {
        package let container: ReportedContainer
        /// The container's own cgroup below the hierarchy's root, from the kernel. Nil if no source knows a process of
        /// it: then the id in a cgroup's name is all that leads to it.
        package let cgroupPath: String?
    }

    /// Each container once, ordered by id.
    package let containers: [Found]
    /// Sources that could not tell.
    package let failures: [SourceError]

    /// Asks all sources. Of a container that more than one tells of, the first one's word counts and later ones fill
    /// in what it does not know. A record that the kernel does not bear out is left out.
    package static func take(
        _ sources: [any ContainerSource], procfs: Procfs, hierarchy: CgroupHierarchy
    ) async -> Survey {
        var (found, failures): ([String: Found], [SourceError]) = ([:], [])
        for answer in await answers(of: sources) {
            switch answer {
            case .failure(let error): failures.append(error)
            case .success(let reports):
                for report in reports { add(report, to: &found, procfs, hierarchy) }
            }
        }
        return Survey(
            containers: found.values.sorted { $0.container.identity.id.text < $1.container.identity.id.text },
            failures: failures)
    }

    private struct Answer: Sendable {
        let place: Int
        let result: Result<[ReportedContainer], SourceError>
    }

    /// In the order of the sources, whichever answers first.
    private static func answers(
        of sources: [any ContainerSource]
    ) async -> [Result<[ReportedContainer], SourceError>] {
        await withTaskGroup(of: Answer.self) { group in
            for (place, source) in sources.enumerated() {
                // The answer first: awaited inside of the returned value, it costs the place (Swift 6.3, optimized).
                group.addTask {
                    let result = await ask(source)
                    return Answer(place: place, result: result)
                }
            }
            var answers: [Answer] = []
            for await answer in group { answers.append(answer) }
            return answers.sorted { $0.place < $1.place }.map(\.result)
        }
    }

    private static func ask(_ source: any ContainerSource) async -> Result<[ReportedContainer], SourceError> {
        do throws(SourceError) { return .success(try await source.containers()) } catch { return .failure(error) }
    }

    private static func add(
        _ report: ReportedContainer, to found: inout [String: Found], _ procfs: Procfs, _ hierarchy: CgroupHierarchy
    ) {
        let path = report.cgroupPath(procfs: procfs, hierarchy: hierarchy)
        // One that names no process cannot be true or false.
        guard path != nil || report.initProcess == nil else { return }
        let id = report.identity.id.text
        guard let known = found[id] else {
            found[id] = Found(container: report, cgroupPath: path)
            return
        }
        // Two containers of two runtimes may have the same name, if it is not a random one.
        guard known.cgroupPath == nil || path == nil || known.cgroupPath == path else { return }
        found[id] = Found(container: known.container.completed(by: report), cgroupPath: known.cgroupPath ?? path)
    }
}

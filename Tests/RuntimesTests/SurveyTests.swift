// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import Runtimes
import Testing

/// What comes of several sources' words.
@Suite struct SurveyTests {
    private struct Said: ContainerSource {
        let name: String
        let answer: Result<[ReportedContainer], SourceError>

        init(_ reports: ReportedContainer...) { (name, answer) = ("runc", .success(reports)) }
        init(failing text: String) { (name, answer) = ("cri", .failure(SourceError(text))) }

        func containers() async throws(SourceError) -> [ReportedContainer] { try answer.get() }
        func container(_ id: ContainerID) async throws(SourceError) -> ReportedContainer? {
            try answer.get().first { $0.identity.id == id }
        }
    }

    private let kernel: FakeProcfs

    init() throws {
        kernel = try FakeProcfs()
        try kernel.add(7, cgroup: "/web")
        try kernel.add(8, cgroup: "/db")
        try kernel.add(9, cgroup: "/elsewhere/web")
    }

    private func report(
        _ id: String, _ pid: UInt32?, name: String = "", cgroup: String? = nil
    ) throws -> ReportedContainer {
        ReportedContainer(
            identity: try ContainerIdentity(id: id, name: name, cgroupsPath: cgroup ?? "/\(id)"), initProcess: pid)
    }

    private func survey(_ sources: any ContainerSource...) async -> Survey {
        await Survey.take(sources, procfs: kernel.procfs, hierarchy: kernel.hierarchy)
    }

    @Test func eachContainerIsTakenOnceAndInOrder() async throws {
        let survey = await survey(
            Said(try report("web", 7, name: "first")), Said(try report("db", 8), try report("web", 7, name: "second")))
        #expect(survey.containers.map(\.container.identity.id.text) == ["db", "web"])
        #expect(survey.containers.map(\.cgroupPath) == ["/db", "/web"])
        #expect(survey.containers.last?.container.identity.name == "first")
        #expect(survey.failures.isEmpty)
    }

    @Test func aSourceThatFailsTakesNothingFromTheOthers() async throws {
        let survey = await survey(Said(failing: "down"), Said(try report("web", 7)))
        #expect(survey.containers.count == 1)
        #expect(survey.failures == [SourceError("down")])
    }

    @Test func whatTheKernelDoesNotBearOutIsLeftOut() async throws {
        let survey = await survey(Said(try report("web", 8), try report("gone", 10), try report("db", 8)))
        #expect(survey.containers.map(\.container.identity.id.text) == ["db"])
    }

    @Test func oneWithoutAProcessIsKeptWithoutACgroupUntilASourceKnowsIt() async throws {
        let bare = try report("web", nil, name: "app")
        #expect(await survey(Said(bare)).containers.map(\.cgroupPath) == [nil])
        let both = await survey(Said(bare), Said(try report("web", 7)))
        #expect(both.containers.map(\.cgroupPath) == ["/web"])
        #expect(both.containers.first?.container.identity.name == "app")
        #expect(both.containers.first?.container.initProcess == 7)
    }

    @Test func ofTwoContainersWithOneNameTheFirstIsTaken() async throws {
        let survey = await survey(
            Said(try report("web", 7)), Said(try report("web", 9, name: "x", cgroup: "/elsewhere/web")))
        #expect(survey.containers.map(\.cgroupPath) == ["/web"])
        #expect(survey.containers.first?.container.identity.name == "")
    }
}

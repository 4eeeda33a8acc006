import CRecords
// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import Processes
import Testing

/// What happens in a container before anybody has said whose it is.
@Suite struct BarrierTests {
    private var script = Script()
    private let runc = image(10)
    private let inTree = rec_flag(REC_FLAG_IN_TREE.rawValue)
    private let treeRoot = rec_flag(REC_FLAG_IN_TREE.rawValue | REC_FLAG_TREE_ROOT.rawValue)

    /// A cgroup (100, below 50) that runc has made.
    private mutating func makeContainersCgroup(_ id: UInt64 = 100, parent: UInt64 = 50) {
        script.exec(runc, filename: "/usr/sbin/runc")
        script.cgroup(REC_CGROUP_CREATED, 50)
        script.cgroup(REC_CGROUP_CREATED, id, parent: parent, by: runc)
    }

    private var toldOf: [UInt32] { script.events.filter { $0.process.pid != runc.tgid }.map(\.process.pid) }

    @Test mutating func `it waits for the hook's word, and leaves in order with identity, as set-up`() throws {
        makeContainersCgroup()
        script.exec(image(20), parent: runc, filename: "/hook-of-others", cgroup: 100)
        script.exit(image(20), cgroup: 100)
        script.exec(image(21), parent: runc, filename: "/hook", cgroup: 100)
        #expect(toldOf == [])
        let container = try script.register("web", cgroup: 100)
        #expect(toldOf == [20, 20, 21])
        let held = script.events.suffix(3)
        #expect(held.allSatisfy { $0.process.container === container && $0.process.isSetUp && !$0.process.inInitTree })
        #expect(script.tracker.counters.held == 3 && script.tracker.counters.unnamed == 0)
    }

    @Test mutating func `what comes after the word does not wait, and after the first program nothing is set-up`()
        throws
    {
        makeContainersCgroup()
        let container = try script.register("web", cgroup: 100)
        script.exec(image(20), parent: runc, filename: "/hook", cgroup: 100)
        script.exec(image(21), parent: runc, filename: "/entrypoint", flags: treeRoot, cgroup: 100)
        script.exec(image(22), parent: image(21), filename: "/child", flags: inTree, cgroup: 100)
        script.exec(image(23), parent: runc, filename: "/injected", cgroup: 100)
        #expect(toldOf == [20, 21, 22, 23])
        let events = script.events.suffix(4)
        #expect(events.allSatisfy { $0.process.container === container })
        #expect(events.map(\.process.isSetUp) == [true, false, false, false])
        #expect(script.tracker.counters.held == 0)
    }

    @Test mutating func `it waits also if it has the numbers of another container's namespaces`() throws {
        let inside = NamespaceKey(mount: 100, pid: 101)
        try script.tracker.registry.register(
            Container(identity: try ContainerIdentity(id: "old"), source: .hook, cgroup: 40), namespaces: inside)
        makeContainersCgroup()
        script.exec(image(20), parent: runc, filename: "/hook", cgroup: 100, namespaces: inside)
        #expect(toldOf == [])
        let container = try script.register("new", cgroup: 100)
        #expect(toldOf == [20])
        #expect(script.events.last?.process.container === container)
    }

    @Test mutating func `a runtime's word on a container that no hook told of comes with its tree`() throws {
        makeContainersCgroup()
        script.fork(image(20), from: runc, cgroup: 100)
        script.exec(image(20, execs: 1), parent: runc, filename: "/bin/web", cgroup: 100)
        script.fork(image(21), from: image(20, execs: 1), cgroup: 100)
        script.exec(image(21, execs: 1), filename: "/bin/child", cgroup: 100)
        script.fork(image(30), from: runc, cgroup: 100)
        script.exec(image(30, execs: 1), filename: "/bin/injected", cgroup: 100)
        #expect(toldOf == [])
        script.wait(seconds: 0)
        let early = script.tracker.registry.takeNameless()
        script.wait(seconds: 2)
        let late = script.tracker.registry.takeNameless()
        #expect(!early && late)
        script.wait(seconds: 1)
        let again = script.tracker.registry.takeNameless()
        #expect(!again, "the runtime is asked once")
        let container = Container(
            identity: try ContainerIdentity(id: "web"), source: .runtime, cgroup: 100, initProcess: 20)
        guard case .new = script.tracker.registry.learn(container) else {
            Issue.record("it was known")
            return
        }
        script.release(100)
        #expect(toldOf == [20, 21, 30])
        let events = script.events.suffix(3)
        #expect(events.map(\.process.inInitTree) == [true, true, false])
        #expect(events.allSatisfy { $0.process.container === container })
        let marks = script.tracker.takeLateTrees()
        #expect(marks.map(\.tgid) == [20, 21])
    }

    @Test mutating func `without a word it leaves in time, and says why it has no name`() {
        makeContainersCgroup()
        script.exec(image(20), filename: "/a", cgroup: 100)
        script.wait(seconds: 4)
        #expect(toldOf == [])
        script.wait(seconds: 2)
        #expect(toldOf == [20])
        #expect(script.events.last?.process.container == nil)
        #expect(text(of: script.events.last).contains("\"reason\":\"nobody told of the container in time\""))
        #expect(script.tracker.counters.unnamed == 1)
        // This one waits no longer.
        script.exec(image(21), filename: "/b", cgroup: 100)
        #expect(toldOf == [20, 21])
    }

    @Test mutating func `a parent below which nobody tells is not waited for, until somebody does`() throws {
        makeContainersCgroup(100)
        for id in UInt64(100)..<103 {
            if id > 100 { script.cgroup(REC_CGROUP_CREATED, id, parent: 50, by: runc) }
            script.exec(image(UInt32(id)), filename: "/a", cgroup: id)
            script.wait(seconds: 6)
        }
        script.cgroup(REC_CGROUP_CREATED, 103, parent: 50, by: runc)
        script.exec(image(103), filename: "/a", cgroup: 103)
        #expect(toldOf == [100, 101, 102, 103])
        try script.register("late", cgroup: 103)
        script.cgroup(REC_CGROUP_CREATED, 104, parent: 50)
        script.exec(image(104), filename: "/a", cgroup: 104)
        #expect(toldOf == [100, 101, 102, 103])
        script.wait(seconds: 6)
        #expect(toldOf == [100, 101, 102, 103, 104])
    }

    @Test mutating func `what is made in a directory that was given up is not waited for either`() throws {
        makeContainersCgroup()
        script.exec(image(20), filename: "/a", cgroup: 100)
        script.wait(seconds: 6)
        script.cgroup(REC_CGROUP_CREATED, 101, parent: 100, by: runc)
        script.exec(image(21), filename: "/a", cgroup: 101)
        #expect(toldOf == [20, 21] && script.tracker.registry.isContainerToBe(101))
        try script.register("late", cgroup: 100)
        #expect(!script.tracker.registry.isContainerToBe(100))
    }

    @Test mutating func `a container below the root makes the root no place of containers`() throws {
        script.cgroup(REC_CGROUP_CREATED, 100, by: runc)
        try script.register("web", cgroup: 100)
        script.cgroup(REC_CGROUP_CREATED, 61, name: "plain")
        script.exec(image(61), filename: "/a", cgroup: 61)
        #expect(toldOf == [61])
    }

    @Test mutating func `a removed cgroup's events do not wait for the time to pass`() {
        makeContainersCgroup()
        script.exec(image(20), filename: "/a", cgroup: 100)
        script.exit(image(20), cgroup: 100)
        script.cgroup(REC_CGROUP_REMOVED, 100)
        #expect(toldOf == [20, 20])
        #expect(text(of: script.events.last).contains("removed before anybody told"))
    }

    @Test mutating func `more than is kept leaves at once`() {
        script = Script(limits: BarrierLimits(bytesEach: 4000))
        makeContainersCgroup()
        for pid in UInt32(20)..<30 { script.exec(image(pid), filename: "/a", cgroup: 100) }
        #expect(toldOf == Array(20..<30))
        #expect(text(of: script.events.last { $0.process.pid == 20 }).contains("more happened than is kept"))
    }

    @Test mutating func `long arguments count as what they are`() {
        script = Script(limits: BarrierLimits(bytesEach: 4000))
        makeContainersCgroup()
        script.exec(image(20), filename: "/a", arguments: ["a", String(repeating: "x", count: 3000)], cgroup: 100)
        #expect(toldOf == [])
        script.exec(image(21), filename: "/a", arguments: ["a", String(repeating: "x", count: 3000)], cgroup: 100)
        #expect(toldOf == [20, 21])
    }

    /// Forks that never execute anything have no event until they end, and are kept all the same.
    @Test mutating func `what only forks counts too`() {
        script = Script(limits: BarrierLimits(bytesEach: 4000))
        makeContainersCgroup()
        script.exec(image(20), filename: "/a", cgroup: 100)
        for pid in UInt32(21)..<40 { script.fork(image(pid), from: image(pid - 1), cgroup: 100) }
        script.exec(image(41), filename: "/a", cgroup: 100)
        #expect(toldOf == [20, 41])
    }

    @Test mutating func `of all that is kept the most leaves first, and makes room for others`() {
        script = Script(limits: BarrierLimits(bytesEach: 4000, bytes: 6000))
        makeContainersCgroup(100)
        script.cgroup(REC_CGROUP_CREATED, 200, parent: 50, by: runc)
        script.cgroup(REC_CGROUP_CREATED, 300, parent: 50, by: runc)
        for pid in UInt32(20)..<24 { script.exec(image(pid), filename: "/a", cgroup: 100) }
        for pid in UInt32(30)..<33 { script.exec(image(pid), filename: "/a", cgroup: 200) }
        #expect(toldOf == [])
        script.exec(image(40), filename: "/a", cgroup: 300)
        #expect(toldOf == [20, 21, 22, 23])
        #expect(text(of: script.events.last).contains("more happened than is kept"))
        // What has left is not counted any more.
        script.exec(image(41), filename: "/a", cgroup: 300)
        script.exec(image(42), filename: "/a", cgroup: 300)
        #expect(toldOf == [20, 21, 22, 23])
    }

    @Test mutating func `what two directories of one container keep leaves in the order in which it was`() throws {
        makeContainersCgroup(100)
        script.cgroup(REC_CGROUP_CREATED, 101, parent: 100, name: "container", by: runc)
        for pid in UInt32(20)..<30 { script.exec(image(pid), filename: "/a", cgroup: pid % 2 == 0 ? 100 : 101) }
        #expect(toldOf == [])
        try script.register("web", cgroup: 100)
        #expect(toldOf == Array(20..<30))
    }

    /// `runc init` is the container's first process and not yet its first program.
    @Test mutating func `a runtime's word does not make its own program the container's`() throws {
        makeContainersCgroup()
        script.fork(image(20), from: runc, cgroup: 100)
        script.exec(image(20, execs: 1), parent: runc, filename: "/proc/self/exe", cgroup: 100)
        let container = Container(
            identity: try ContainerIdentity(id: "web"), source: .runtime, cgroup: 100, initProcess: 20)
        guard case .new = script.tracker.registry.learn(container) else {
            Issue.record("it was known")
            return
        }
        script.release(100)
        #expect(toldOf == [20])
        #expect(script.events.last?.process.inInitTree == false && script.events.last?.process.isSetUp == true)
        script.exec(image(20, execs: 2), filename: "/bin/web", cgroup: 100, namespaces: NamespaceKey(mount: 9, pid: 9))
        #expect(script.events.last?.process.inInitTree == true)
    }

    @Test mutating func `an image that others show as their parent is identified, too`() throws {
        makeContainersCgroup()
        // The runtime's init, in the container's cgroup already, forks a hook.
        script.fork(image(20), from: runc, cgroup: 100)
        script.fork(image(21), from: image(20), cgroup: 100)
        script.exec(image(21, execs: 1), parent: image(20), filename: "/hook", cgroup: 100)
        let container = try script.register("web", cgroup: 100)
        script.exec(image(20, execs: 1), parent: runc, filename: "/entrypoint", flags: treeRoot, cgroup: 100)
        #expect(toldOf == [21, 20])
        #expect(script.events.suffix(2).allSatisfy { $0.process.container === container })
        #expect(script.events.first { $0.process.pid == 21 }?.parent?.container === container)
    }

    @Test mutating func `the word about a directory is for what is in it, and not for its neighbours`() throws {
        makeContainersCgroup(100)
        script.cgroup(REC_CGROUP_CREATED, 101, parent: 100, name: "container", by: runc)
        script.cgroup(REC_CGROUP_CREATED, 200, parent: 50, by: runc)
        script.exec(image(20), filename: "/a", cgroup: 101)
        script.exec(image(30), filename: "/b", cgroup: 200)
        try script.register("web", cgroup: 100)
        #expect(toldOf == [20])
        try script.register("other", cgroup: 200)
        #expect(toldOf == [20, 30])
        #expect(script.events.last?.process.container?.identity.id.text == "other")
    }

    @Test mutating func `children elsewhere wait for their parent's exec`() throws {
        makeContainersCgroup()
        script.exec(image(20), filename: "/parent", cgroup: 100)
        script.fork(image(21), from: image(20), cgroup: 1)
        script.exec(image(21, execs: 1), parent: image(20), filename: "/child", cgroup: 1)
        #expect(toldOf == [])
        try script.register("web", cgroup: 100)
        #expect(toldOf == [20, 21])
        #expect(script.events.last?.process.container == nil)
    }

    @Test mutating func `others' cgroups wait for nobody`() throws {
        makeContainersCgroup()
        try script.register("web", cgroup: 100)
        // Below a parent of containers, what systemd's names say is none; the root is no parent; and so on.
        script.cgroup(REC_CGROUP_CREATED, 60, parent: 50, name: "cron.service")
        script.cgroup(REC_CGROUP_CREATED, 61, parent: 1, name: "plain")
        script.cgroup(REC_CGROUP_CREATED, 63, parent: 50, name: "run-r1.scope")
        script.cgroup(REC_CGROUP_CREATED, 62, parent: 50, name: "libpod-conmon-1.scope", by: runc)
        script.exec(image(62), filename: "/usr/bin/conmon", cgroup: 62)
        script.exec(image(60), filename: "/a", cgroup: 60)
        script.exec(image(61), filename: "/a", cgroup: 61)
        script.exec(image(63), filename: "/a", cgroup: 63)
        #expect(toldOf == [62, 60, 61, 63])
    }

    @Test mutating func `a name that holds a container's id is waited for, whoever made the cgroup`() throws {
        let id = String(repeating: "0123456789abcdef", count: 4)
        script.cgroup(REC_CGROUP_CREATED, 50)
        script.cgroup(REC_CGROUP_CREATED, 100, parent: 50, name: "cri-containerd-\(id).scope")
        script.cgroup(REC_CGROUP_CREATED, 101, parent: 100, name: "init")
        script.exec(image(20), filename: "/a", cgroup: 101)
        #expect(toldOf == [])
        try script.register(id, cgroup: 100)
        #expect(toldOf == [20])
        #expect(script.events.last?.process.container?.identity.id.text == id)
    }

    @Test mutating func `nothing is kept when the agent goes`() {
        makeContainersCgroup()
        script.exec(image(20), filename: "/a", cgroup: 100)
        script.stop()
        #expect(toldOf == [20])
        #expect(text(of: script.events.last).contains("the agent stopped"))
    }

    private func text(of event: ProcessEvent?) -> String {
        event.map { String(decoding: $0.process.json, as: UTF8.self) } ?? ""
    }
}

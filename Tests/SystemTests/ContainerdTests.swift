// SPDX-License-Identifier: Apache-2.0
import CRIAPI
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Pods as Kubernetes has them: a real containerd with its CRI plugin makes them, called as a kubelet calls it.
    @Suite(.sharedAgent, .sharedContainerd) struct ContainerdTests {
        @Test(arguments: HookStage.allCases)
        func containerOfAPodIsKnownFromItsFirstEventOn(_ stage: HookStage) async throws {
            let word = uniqueWord("own")
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd(), CRIPodSetup(stage: stage)) { pod in
                    let container = try await pod.start(
                        "web", ["/bin/sh", "-c", "/bin/true \(word); exec /bin/sleep 1000"])
                    let child = try await events.exec(word)
                    let exit = try await events.exit(of: child)
                    for event in [child, exit] {
                        #expect(event.names(container) && event.isInInitTree, "\(event.testDescription)")
                    }

                    let pid = try await container.pid
                    try await events.settle()
                    let own = events.all { $0.isIn(container) }
                    #expect(own.allSatisfy { $0.names(container) }, "\(own.map(\.process))")
                    // First what makes it, then what it is, and nothing of the one among the other.
                    let tree = own.drop { $0.process.phase == .phaseSetup }
                    #expect(tree.count < own.count)
                    #expect(own.prefix(own.count - tree.count).allSatisfy { !$0.isInInitTree })
                    #expect(tree.allSatisfy { $0.process.phase == .phaseTree && $0.isInInitTree })
                    #expect(tree.first?.isExec == true && tree.first?.process.pid.value == pid)
                    #expect(tree.first?.process.binary == "/bin/sh")
                    #expect(tree.first?.process.pod.container.pid.value == 1)
                    // Its init says nothing that leaves without a name.
                    let nameless = events.all { $0.isExec && $0.process.pid.value == pid && !$0.names(container) }
                    #expect(nameless.isEmpty, "\(nameless.map(\.process))")
                }
            }
        }

        @Test(arguments: HookStage.allCases, ExecWay.allCases)
        func whatIsBroughtIntoAContainerIsInItAndNotOfItsTree(_ stage: HookStage, _ way: ExecWay) async throws {
            let word = uniqueWord("injected")
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd(), CRIPodSetup(stage: stage)) { pod in
                    let container = try await pod.start()
                    // It tells, too, whether there was a terminal.
                    let line = "test -t 1 && /bin/true \(word) yes || /bin/true \(word) no; :"
                    try await container.exec(["/bin/sh", "-c", line], by: way)
                    let child = try await events.exec("\(word) \(way == .terminal ? "yes" : "no")")
                    _ = try await events.exit(of: child)
                    try await events.settle()
                    let own = events.all { $0.isIn(container) && $0.process.arguments.contains(word) }
                    #expect(own.count { $0.isExec } == 2 && own.count { $0.isExit } == 2)
                    for event in own {
                        #expect(event.names(container) && event.isInjected, "\(event.process)")
                        #expect(event.process.phase == .phaseUnspecified)
                    }
                    // The shim, the runtime and the client have the word as well, and are the host's.
                    let others = events.all { !$0.isIn(container) && $0.process.arguments.contains(word) }
                    #expect(others.allSatisfy { $0.namesNobody }, "\(others.map(\.process))")
                }
            }
        }

        @Test func processOfTheHostHasNoPodWhilePodsRun() async throws {
            let word = uniqueWord("host")
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd()) { pod in
                    let container = try await pod.start()
                    try await Command.succeed(["/bin/true", word])
                    let host = try await events.exec(word)
                    #expect(host.namesNobody && !host.isInInitTree)
                    // Nor have those who run the pod.
                    try await container.exec(["/bin/true"], by: .execSync)
                    try await events.settle()
                    for program in ["containerd-shim-runc-v2", "runc", "apus-oci-hook"] {
                        let own = events.all { $0.process.binary.hasSuffix("/" + program) }
                        #expect(!own.isEmpty && own.allSatisfy { $0.namesNobody }, "\(own.map(\.testDescription))")
                    }
                }
            }
        }

        /// containerd gives its base spec, and so the hook, to containers and not to sandboxes.
        @Test func sandboxThatNoHookTellsOfIsNamelessWithAReason() async throws {
            try await EventStream.with(agent()) { events in
                var pid: UInt32 = 0
                try await CRIPod.with(containerd()) { pod in
                    pid = try await pod.pid
                    // Told of beside it, it is not taken for that one.
                    _ = try await pod.start()
                }
                let arguments = ContainerdImage.command.dropFirst().joined(separator: " ")
                let exec = try await events.first("the sandbox's program") {
                    $0.isExec && $0.process.pid.value == pid && $0.process.arguments == arguments
                }
                let exit = try await events.exit(of: exec)
                for event in [exec, exit] {
                    #expect(event.namesNobody && !event.isInInitTree, "\(event.process)")
                    #expect(event.process.identity.source == "")
                    #expect(event.process.identity.reason.contains("told of the container"))
                }
            }
        }

        /// An agent to which no hook speaks, but which may ask containerd: it does so while the events wait.
        @Test func podWithoutAHookIsKnownFromTheRuntimeSandboxAndAll() async throws {
            let word = uniqueWord("unhooked")
            try await AgentProcess.with(["--cri-endpoint", "unix://\(containerd().socket)"]) { asking in
                try await EventStream.with(asking) { events in
                    try await CRIPod.with(containerd()) { pod in
                        let container = try await pod.start(
                            "web", ["/bin/sh", "-c", "/bin/true \(word); exec /bin/sleep 1000"])
                        let own = try await events.exec(word)
                        #expect(own.names(container, by: "runtime") && own.isInInitTree, "\(own.process)")
                        let pid = try await pod.pid
                        let sandbox = try await events.first("the sandbox's program") {
                            $0.isExec && $0.process.pid.value == pid && $0.process.phase == .phaseTree
                        }
                        #expect(
                            sandbox.process.pod.name == pod.setup.pod.name && sandbox.process.pod.container.name == "")
                        let later = uniqueWord("later")
                        try await container.exec(["/bin/true", later], by: .execSync)
                        let injected = try await events.exec(later)
                        #expect(injected.names(container, by: "runtime") && injected.isInjected, "\(injected.process)")
                    }
                }
            }
        }

        @Test func containersThatShareAPidNamespaceAreToldApart() async throws {
            var setup = CRIPodSetup()
            setup.pids = .pod
            let word = uniqueWord("shared")
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd(), setup) { pod in
                    let command = ["/bin/sh", "-c", "/bin/true \(word) $0; exec /bin/sleep 1000"]
                    let first = try await pod.start("first", command + ["first"])
                    let second = try await pod.start("second", command + ["second"])
                    for container in [first, second] {
                        let own = try await events.exec("\(word) \(container.name)")
                        #expect(own.names(container) && own.isInInitTree, "\(own.process)")
                        // The sandbox is the first process there.
                        #expect(own.process.pod.container.pid.value > 1)
                        let injected = uniqueWord("injected")
                        try await container.exec(["/bin/true", injected], by: .execSync)
                        let exec = try await events.exec(injected)
                        #expect(exec.names(container) && exec.isInjected, "\(exec.process)")
                        let entered = uniqueWord("entered")
                        try await container.enter("/bin/true", entered)
                        let entry = try await events.exec(entered)
                        #expect(entry.isIn(container) && entry.isInjected, "\(entry.process)")
                    }
                }
            }
        }

        @Test(arguments: HookStage.allCases)
        func podInTheHostsPidNamespaceHasItsNames(_ stage: HookStage) async throws {
            var setup = CRIPodSetup(stage: stage)
            setup.pids = .node
            let word = uniqueWord("hostpid")
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd(), setup) { pod in
                    let container = try await pod.start(
                        "web", ["/bin/sh", "-c", "/bin/true \(word); exec /bin/sleep 1000"])
                    let own = try await events.exec(word)
                    #expect(own.names(container) && own.isInInitTree, "\(own.process)")
                    #expect(own.process.pod.container.pid.value == own.process.pid.value)
                    let injected = uniqueWord("injected")
                    try await container.exec(["/bin/true", injected], by: .execSync)
                    let exec = try await events.exec(injected)
                    #expect(exec.names(container) && exec.isInjected, "\(exec.process)")
                }
            }
        }

        @Test func privilegedContainerThatGoesToTheHostsNamespacesStaysItself() async throws {
            var setup = CRIPodSetup()
            setup.pids = .node
            setup.isPrivileged = true
            let word = uniqueWord("escaped")
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd(), setup) { pod in
                    let escape = "/bin/busybox nsenter -t \(getpid()) -m -u -i -n /bin/true \(word)"
                    let container = try await pod.start(
                        "web", ["/bin/sh", "-c", "\(escape); exec /bin/sleep 1000"])
                    let escaped = try await events.exec(word)
                    #expect(escaped.names(container) && escaped.isInInitTree, "\(escaped.process)")
                    let injected = uniqueWord("injected")
                    try await container.exec(
                        escape.split(separator: " ").dropLast().map(String.init) + [injected], by: .execSync)
                    let exec = try await events.exec(injected)
                    #expect(exec.names(container) && exec.isInjected, "\(exec.process)")
                }
            }
        }

        @Test func containerThatIsStartedAgainIsAnother() async throws {
            try await EventStream.with(agent()) { events in
                try await CRIPod.with(containerd()) { pod in
                    var ids: Set<String> = []
                    for attempt in UInt32(0)...1 {
                        let word = uniqueWord("attempt")
                        let container = try await pod.start(
                            "web", ["/bin/sh", "-c", "/bin/true \(word); exec /bin/sleep 1000"], attempt: attempt)
                        let own = try await events.exec(word)
                        #expect(own.names(container) && own.isInInitTree, "\(own.process)")
                        ids.insert(own.process.container.id)
                        try await container.stop()
                    }
                    #expect(ids.count == 2)
                }
            }
        }

        @Test func twentyPodsAtOnceAreNotMixedUp() async throws {
            let count = 20
            let word = uniqueWord("churn")
            try await EventStream.with(agent()) { events in
                let containers = try await withThrowingTaskGroup(of: CRIContainer.self) { group in
                    for number in 0..<count {
                        let setup = CRIPodSetup("churn-\(number)", stage: HookStage.allCases[number % 2])
                        let containerd = try containerd()
                        group.addTask { try await Self.runToEnd(containerd, setup, word, events) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                try await events.settle()
                var named = 0
                for container in containers {
                    let own = events.all {
                        $0.process.arguments.hasPrefix("\(word) \(container.pod.name) ") || $0.isIn(container)
                    }
                    let wrong = own.filter { !$0.names(container) }
                    #expect(wrong.isEmpty, "\(wrong.map(\.process))")
                    // The entrypoint's two images, its five children and the one that was brought in.
                    let programs = own.filter { $0.process.phase != .phaseSetup }
                    #expect(programs.count { $0.isExec && $0.isInInitTree } == 7)
                    #expect(programs.count { $0.isExec && $0.isInjected && $0.process.arguments.hasPrefix(word) } == 1)
                    #expect(programs.count { $0.isExit && $0.process.arguments.hasPrefix(word) } == 6)
                    let strangers = programs.filter { $0.isInjected && !$0.process.arguments.hasPrefix(word) }
                    #expect(strangers.isEmpty, "\(strangers.map(\.process))")
                    named += own.count - wrong.count
                }
                #expect(Set(containers.map(\.id)).count == count)
                // What makes a container runs in a directory that is named by it, so there is a second witness.
                let makers = events.all.compactMap { event in
                    event.process.cwd.firstMatch(of: /\/k8s\.io\/([0-9a-f]{64})\/rootfs/).map { (event, $0.1) }
                }
                #expect(makers.contains { $0.0.process.hasContainer })
                let mixedUp = makers.filter { event, id in
                    event.process.hasContainer && event.process.container.id != id
                }
                #expect(mixedUp.isEmpty, "\(mixedUp.map(\.0.process))")
                report("events of twenty pods at once with the right names: \(named)")
            }
        }

        /// A pod that has come and gone when this returns.
        private static func runToEnd(
            _ containerd: Containerd, _ setup: CRIPodSetup, _ word: String, _ events: EventStream
        ) async throws -> CRIContainer {
            let name = setup.pod.name
            var result: CRIContainer?
            try await CRIPod.with(containerd, setup) { pod in
                let loop = "for i in 1 2 3 4 5; do /bin/true \(word) \(name) $i; done; exec /bin/sleep 1000"
                let container = try await pod.start("web", ["/bin/sh", "-c", loop])
                try await container.exec(["/bin/true", word, name, "injected"], by: .execSync)
                _ = try await events.exec("1000", in: container)
                result = container
            }
            return result!
        }
    }
}

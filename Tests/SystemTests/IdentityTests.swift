// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    @Suite(.sharedAgent) struct IdentityTests {
        @Test func everyEventOfShortLivedContainersCarriesTheirIdentity() async throws {
            let count = Artifacts.count("APUS_SHORT_LIVED", default: 50)
            try await EventStream.with(agent()) { events in
                var setups: [ContainerSetup] = []
                for number in 0..<count {
                    var setup = ContainerSetup()
                    setup.command = ["/short-lived", setup.id]
                    setup.programs = ["short-lived"]
                    setup.stages = [number % 2 == 0 ? .createContainer : .createRuntime]
                    setup.pod.name = "short-\(number)"
                    try await RuncContainer.runToEnd(agent(), setup)
                    setups.append(setup)
                }
                try await events.settle()
                let ofInits = Dictionary(grouping: events.all { $0.process.binary == "/short-lived" }) {
                    $0.process.arguments
                }
                var identified = 0
                for setup in setups {
                    let own = ofInits[setup.id] ?? []
                    #expect(own.count { $0.isExec } == 1 && own.count { $0.isExit } == 1, "\(setup.pod.name)")
                    for event in own where names(event, setup) && event.isInInitTree { identified += 1 }
                }
                report("identity of short-lived containers: \(identified) of \(2 * count) events")
                #expect(identified == 2 * count)
            }
        }

        @Test(arguments: [AnnotationStyle.containerd, .crio])
        func podIsKnownFromTheAnnotationsOf(_ style: AnnotationStyle) async throws {
            var setup = ContainerSetup()
            setup.style = style
            setup.pod.name = uniqueWord("pod")
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    let word = uniqueWord("inside")
                    try await container.exec("/bin/true", word)
                    let process = try await events.exec(word).process
                    let pod = process.pod
                    #expect(pod.namespace == "shop")
                    #expect(pod.name == setup.pod.name)
                    #expect(pod.uid == setup.pod.uid)
                    #expect(pod.container.name == "web")
                    #expect(pod.container.id == (style == .crio ? "cri-o" : "containerd") + "://\(container.id)")
                    #expect(pod.container.image.name == setup.pod.image)
                    #expect(pod.container.pid.value > 1)
                    #expect(process.docker == String(container.id.prefix(15)))
                    #expect(process.container.id == container.id)
                    #expect(process.container.name == "web")
                    #expect(process.container.bundle.hasSuffix("/bundle"))
                    #expect(process.identity.source == "hook")
                }
            }
        }

        @Test func containerWithoutAnnotationsIsAContainerWithoutPod() async throws {
            var setup = ContainerSetup()
            setup.style = .none
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    let word = uniqueWord("inside")
                    try await container.exec("/bin/true", word)
                    let process = try await events.exec(word).process
                    #expect(!process.hasPod)
                    #expect(process.container.id == container.id)
                    #expect(process.docker == String(container.id.prefix(15)))
                    #expect(process.identity.source == "hook")
                }
            }
        }

        @Test func bothHooksAtOnceAreOneContainer() async throws {
            var setup = ContainerSetup()
            setup.stages = HookStage.allCases
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    let entrypoint = try await events.first("the entrypoint") {
                        $0.isExec && $0.isIn(container) && $0.process.binary == "/bin/sleep"
                    }
                    #expect(entrypoint.isInInitTree)
                    #expect(names(entrypoint, setup))
                    let told = try agent().log.split(separator: "\n").filter { $0.contains("id=\(container.id)") }
                    #expect(told.count == 2 && told.allSatisfy { $0.contains("container registered") }, "\(told)")
                }
            }
        }

        @Test func nestedCgroupBelongsToTheContainerAboveIt() async throws {
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent()) { container in
                    let own = try cgroupDirectory(of: container.pid)
                    let nested = own + "/nested"
                    try FileManager.default.createDirectory(atPath: nested, withIntermediateDirectories: false)
                    let word = uniqueWord("nested")
                    // A host process that only its cgroup brings into the container.
                    try await Command.succeed([
                        "/bin/sh", "-c", "echo $$ > \(nested)/cgroup.procs && exec /bin/true \(word)",
                    ])
                    let event = try await events.exec(word)
                    #expect(event.isIn(container))
                    #expect(event.isInjected)
                    try FileManager.default.removeItem(atPath: nested)
                }
            }
        }

        @Test func removedContainerIsForgottenAndItsPathMayNameAnother() async throws {
            let path = "/" + uniqueWord("apus-reused")
            try await EventStream.with(agent()) { events in
                for _ in 1...2 {
                    var known = 0
                    var setup = ContainerSetup()
                    setup.cgroup = path
                    setup.pod.name = uniqueWord("pod")
                    try await RuncContainer.with(agent(), setup) { container in
                        let word = uniqueWord("inside")
                        try await container.exec("/bin/true", word)
                        #expect(names(try await events.exec(word), setup))
                        known = try await containerCount()
                    }
                    try await eventually("the container to be forgotten") { try await containerCount() < known }
                }
            }
        }

        @Test func whatSetsTheContainerUpCarriesItsIdentityToo() async throws {
            let word = uniqueWord("setup")
            var setup = ContainerSetup()
            setup.earlierHooks = [[try Artifacts.testProgram("short-lived"), word]]
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    // It ran in the container's cgroup before ours was called.
                    let exec = try await events.exec(word)
                    let exit = try await events.exit(of: exec)
                    for event in [exec, exit] {
                        #expect(names(event, setup), "\(event.testDescription)")
                        #expect(event.process.phase == .phaseSetup && event.isInjected)
                    }
                    let entrypoint = try await events.first("the entrypoint") {
                        $0.isExec && $0.isIn(container) && $0.process.binary == "/bin/sleep"
                    }
                    #expect(entrypoint.process.phase == .phaseTree)
                    let later = uniqueWord("injected")
                    try await container.exec("/bin/true", later)
                    #expect(try await events.exec(later).process.phase == .phaseUnspecified)
                }
            }
        }

        @Test func containerThatNobodyTellsOfIsNamelessWithAReasonAndInTime() async throws {
            let word = uniqueWord("untold")
            var setup = ContainerSetup()
            setup.stages = []
            setup.command = ["/bin/true", word]
            try await EventStream.with(agent()) { events in
                try await RuncContainer.runToEnd(agent(), setup)
                let exec = try await events.exec(word)
                #expect(!exec.process.hasContainer)
                #expect(exec.process.identity.source == "")
                #expect(exec.process.identity.reason.contains("told of the container"), "\(exec.process.identity)")
            }
        }

        @Test func containerWithoutAHookIsKnownFromItsRuntimesRecordsBeforeItsEventsLeave() async throws {
            let word = uniqueWord("unhooked")
            var setup = ContainerSetup()
            setup.stages = []
            setup.command = ["/bin/sh", "-c", "/bin/true \(word); exec /bin/sleep 1000"]
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    let own = try await events.exec(word)
                    #expect(own.process.container.id == setup.id && own.process.identity.source == "runtime")
                    #expect(own.isInInitTree && own.process.pod.name == setup.pod.name, "\(own.testDescription)")
                    let later = uniqueWord("later")
                    try await container.exec("/bin/true", later)
                    let injected = try await events.exec(later)
                    #expect(injected.isIn(container) && injected.isInjected, "\(injected.testDescription)")
                }
            }
        }

        /// Whether an event says all that the setup's annotations say of who it is.
        private func names(_ event: Event, _ setup: ContainerSetup) -> Bool {
            let process = event.process
            return process.docker == String(setup.id.prefix(15)) && process.container.id == setup.id
                && process.pod.namespace == setup.pod.namespace && process.pod.name == setup.pod.name
                && process.pod.container.name == setup.pod.container
        }

        @Test func nothingOfAContainerThatIsKnownWaits() async throws {
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent()) { container in
                    try await events.settle()
                    let before = try await waitedCount()
                    let word = uniqueWord("known")
                    try await container.exec(
                        "/bin/sh", "-c", "n=0; while [ $n -lt 100 ]; do n=$((n+1)); /bin/true \(word); done; :")
                    try await events.settle()
                    let own = events.all { $0.process.arguments == word && $0.isIn(container) }
                    let waited = try await waitedCount() - before
                    report("events of a container that is known: \(own.count), \(waited) of them waited")
                    #expect(own.count == 200 && waited == 0)
                }
            }
        }

        /// How many events have waited for a hook so far.
        private func waitedCount() async throws -> Int {
            let details = try await agent().healthDetails
            return details.firstMatch(of: /(\d+) events waited/).flatMap { Int($0.1) } ?? 0
        }

        private func containerCount() async throws -> Int {
            let details = try await agent().healthDetails
            guard let match = details.firstMatch(of: /(\d+) containers?/), let count = Int(match.1) else {
                throw Failure("GetHealth tells no number of containers: \(details)")
            }
            return count
        }
    }
}

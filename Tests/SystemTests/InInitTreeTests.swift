// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// `in_init_tree` tells what a container started by itself from what somebody brought into it.
    @Suite(.sharedAgent) struct InInitTreeTests {
        @Test(arguments: HookStage.allCases)
        func everythingThatTheEntrypointStartsIsInTheTree(_ stage: HookStage) async throws {
            let word = uniqueWord("own")
            var setup = ContainerSetup()
            setup.stages = [stage]
            setup.command = [
                "/bin/sh", "-c",
                """
                /bin/true \(word)-child
                /bin/sh -c '/bin/true \(word)-grandchild; :'
                (setsid /bin/sh -c 'sleep 0.2; /bin/true \(word)-daemon; :' &)
                exec /bin/sleep 1000
                """,
            ]
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    for name in ["child", "grandchild", "daemon"] {
                        let exec = try await events.exec("\(word)-\(name)")
                        #expect(exec.isInInitTree && exec.isIn(container), "\(name)")
                        let exit = try await events.exit(of: exec)
                        #expect(exit.isInInitTree && exit.isIn(container), "\(name)")
                    }
                    // What set the container up comes before, where it is named at all.
                    let own = events.all { $0.isExec && $0.isIn(container) }.drop { !$0.isInInitTree }
                    #expect(own.first?.process.binary == "/bin/sh")
                    #expect(own.allSatisfy { $0.isInInitTree }, "\(own.map(\.testDescription))")
                    #expect(own.allSatisfy { $0.process.flags.contains("inInitTree") })
                }
            }
        }

        @Test(arguments: HookStage.allCases)
        func whatTheRuntimeExecsIsNot(_ stage: HookStage) async throws {
            var setup = ContainerSetup()
            setup.stages = [stage]
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    let word = uniqueWord("injected")
                    try await container.exec("/bin/sh", "-c", "/bin/true \(word); :")
                    try await expectInjected(events, word, count: 2, in: container)
                }
            }
        }

        @Test func whatEntersTheNamespacesFromTheHostIsNot() async throws {
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent()) { container in
                    let word = uniqueWord("entered")
                    try await container.enter("/bin/sh", "-c", "/bin/true \(word); :")
                    // nsenter's own exec has the word too, but happens outside.
                    try await expectInjected(events, word, count: 2, in: container)
                    let exec = try await events.exec(word)
                    #expect(exec.process.pod.name == container.setup.pod.name)
                    #expect(exec.process.identity.reason.contains("entered"))
                }
            }
        }

        @Test func newNamespacesBelowAnInjectedProcessAreNot() async throws {
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent()) { container in
                    let word = uniqueWord("unshared")
                    try await container.exec(
                        "/bin/unshare", "-Upf", "/bin/sh", "-c",
                        "/bin/true \(word); /bin/sh -c '/bin/true \(word)-below; :'; :")
                    // unshare, the shell in it (pid 1 of its namespace), its child, the shell below and its child.
                    try await expectInjected(events, word, count: 5, in: container)
                }
            }
        }

        @Test(arguments: HookStage.allCases)
        func theHooksThemselvesAreNot(_ stage: HookStage) async throws {
            var setup = ContainerSetup()
            // Both, so that one of them runs when the container is known already.
            setup.stages = HookStage.allCases
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    let exec = try await events.first("the hook") {
                        $0.isExec && $0.process.binary.hasSuffix("/apus-oci-hook")
                            && $0.process.arguments.hasPrefix(stage.rawValue)
                    }
                    #expect(exec.isInjected)
                    #expect(try await events.exit(of: exec).isInjected)
                }
            }
        }

        @Test(arguments: HookStage.allCases)
        func containerInTheHostsPidNamespaceHasATreeToo(_ stage: HookStage) async throws {
            let word = uniqueWord("own")
            var setup = ContainerSetup()
            setup.stages = [stage]
            setup.sharesHostPids = true
            setup.command = ["/bin/sh", "-c", "/bin/true \(word); exec /bin/sleep 1000"]
            try await EventStream.with(agent()) { events in
                try await RuncContainer.with(agent(), setup) { container in
                    let child = try await events.exec(word)
                    #expect(child.isInInitTree && child.isIn(container))
                    let entrypoint = try await events.first("the entrypoint") {
                        $0.isExec && $0.process.pid.value == UInt32(container.pid) && $0.process.binary == "/bin/sh"
                    }
                    #expect(entrypoint.isInInitTree && entrypoint.isIn(container))
                    let injected = uniqueWord("injected")
                    try await container.exec("/bin/sh", "-c", "/bin/true \(injected); :")
                    try await expectInjected(events, injected, count: 2, in: container)
                }
            }
        }

        /// All execs in the container with this word in their arguments, `count` of them, and their exits: the
        /// container's, but not of its own making.
        private func expectInjected(
            _ events: EventStream, _ word: String, count: Int, in container: RuncContainer
        ) async throws {
            try await events.settle()
            let own = events.all { $0.isIn(container) && $0.process.arguments.contains(word) }
            #expect(own.count { $0.isExec } == count, "\(own.map(\.testDescription))")
            #expect(own.allSatisfy { $0.isInjected }, "\(own.map(\.testDescription))")
            #expect(own.allSatisfy { $0.process.docker == String(container.id.prefix(15)) })
        }
    }
}

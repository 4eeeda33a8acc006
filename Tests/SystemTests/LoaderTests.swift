// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Policies that want to be told what processes map to run it.
    @Suite struct LoaderTests {
        private static func yaml(_ name: String, scope: String = "") -> String {
            """
            apiVersion: cilium.io/v1alpha1
            kind: TracingPolicy
            metadata:
              name: \(name)
            spec:
              loader: true
            \(scope)

            """
        }

        private static func loads(_ events: [Event]) -> [Tetragon_ProcessLoader] {
            events.compactMap { if case .processLoader(let load)? = $0.message.event { load } else { nil } }
        }

        /// As its linker has left it in a file.
        private static func buildID(of path: String) throws -> [UInt8] {
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            let head: [UInt8] = [4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0] + Array("GNU\0".utf8)
            let start = try #require(bytes.firstRange(of: head)?.upperBound, "\(path) has no build id")
            return Array(bytes[start..<start + 20])
        }

        @Test("a program and its libraries are told with their build ids, between its exec and its exit")
        func libraries() async throws {
            let program = URL(fileURLWithPath: "/bin/cat").resolvingSymlinksInPath().path
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    try await agent.withPolicy("loads", Self.yaml("loads")) {
                        let marker = "/tmp/\(uniqueWord("none"))"
                        _ = try await Command(["/bin/cat", marker]).outcome()
                        try await events.settle()
                        let own = events.all.filter { event in
                            switch event.message.event {
                            case .processLoader(let load)?: load.process.arguments == marker
                            default: event.process.arguments == marker
                            }
                        }
                        #expect(own.first?.isExec == true && own.last?.isExit == true)
                        let loads = Self.loads(own)
                        #expect(own.count == loads.count + 2)
                        #expect(loads.map(\.path).first == program)
                        let libc = try #require(loads.first { $0.path.hasSuffix("/libc.so.6") })
                        for load in loads {
                            #expect(try Array(load.buildid) == Self.buildID(of: load.path), "\(load.path)")
                            #expect(load.process.execID == own.first?.process.execID)
                        }
                        #expect(libc.parent.execID == own.first?.parent.execID)
                        #expect(Set(loads.map(\.path)).count == loads.count)
                        let listed = try await agent.policies.first { $0.name == "loads" }
                        #expect(listed?.sensors == ["loader"] && (listed?.kernelMemoryBytes ?? 0) >= 128 << 10)
                    }
                    // Nobody asks any more; what others on the machine had mapped by then has come.
                    try await events.settle()
                    let before = Self.loads(events.all).count
                    _ = try await Command(["/bin/cat", "/dev/null"]).outcome()
                    try await events.settle()
                    #expect(Self.loads(events.all).count == before)
                    let ledger = try await agent.withConnection {
                        try await Apus_V1_Node.Client(wrapping: $0).getLedger(.init())
                    }
                    #expect(ledger.imbalances.isEmpty && ledger.events.loader == UInt64(before))
                }
            }
        }

        @Test("what is mapped without being run is not told, and a file is told once for each program")
        func mapping() async throws {
            let directory = try TemporaryDirectory()
            let path = directory("library.so")
            let libc = try #require(Self.libc)
            try FileManager.default.copyItem(atPath: libc, toPath: path)
            let file = open(path, O_RDONLY | O_CLOEXEC)
            defer { close(file) }
            func map(_ protection: Int32) throws {
                let address = try #require(mmap(nil, 4096, protection, MAP_PRIVATE, file, 0))
                #expect(address != MAP_FAILED && munmap(address, 4096) == 0)
            }
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    try await agent.withPolicy("loads", Self.yaml("loads")) {
                        try map(PROT_READ)
                        try await events.settle()
                        #expect(!Self.loads(events.all).contains { $0.path == path })
                        for _ in 0..<3 { try map(PROT_READ | PROT_EXEC) }
                        let event = try await events.first("the library") {
                            Self.loads([$0]).first?.path == path
                        }
                        try await events.settle()
                        let loads = Self.loads(events.all).filter { $0.path == path }
                        #expect(loads.count == 1 && loads[0] == event.message.processLoader)
                        #expect(loads[0].process.pid.value == UInt32(getpid()))
                        #expect(try Array(loads[0].buildid) == Self.buildID(of: libc))
                    }
                }
            }
        }

        @Test("a policy with selectors is told of the containers that they mean, from their first program on")
        func selection() async throws {
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    let scope = "  containerSelector: {matchLabels: {name: web}}"
                    try await agent.withPolicy("loads", Self.yaml("loads", scope: scope)) {
                        var meant = ContainerSetup()
                        meant.command = ["/bin/cat", "/dev/null"]
                        var other = meant
                        other.id = ContainerSetup().id
                        other.pod.container = "db"
                        for setup in [other, meant] { try await RuncContainer.runToEnd(agent, setup) }
                        try await events.settle()
                        let loads = Self.loads(events.all)
                        // Of containers that others have meanwhile on the machine some may be called so, too.
                        let containers = Set(loads.map(\.process.container.id))
                        #expect(containers.contains(meant.id) && containers.isDisjoint(with: [other.id, ""]))
                        // As it is in the container.
                        #expect(
                            loads.contains {
                                $0.process.container.id == meant.id && $0.process.inInitTree.value
                                    && $0.path.hasPrefix("/bin/")
                            })
                    }
                }
            }
        }

        @Test("a thousand short programs are told of whole: each with its exit behind it, and nothing unknown")
        func storm() async throws {
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    try await agent.withPolicy("loads", Self.yaml("loads")) {
                        let marker = uniqueWord("storm")
                        _ = try await Command(
                            [
                                "/bin/sh", "-c",
                                "for i in $(seq 500); do /bin/true \(marker) & /bin/true \(marker); done; wait",
                            ]
                        ).outcome(within: .seconds(60))
                        try await events.settle()
                        var order: [String: [String]] = [:]
                        for event in events.all {
                            switch event.message.event {
                            case .processLoader(let load)? where load.process.arguments == marker:
                                order[load.process.execID, default: []].append("load")
                            case .processExec(let exec)? where exec.process.arguments == marker:
                                order[exec.process.execID, default: []].append("exec")
                            case .processExit(let exit)? where exit.process.arguments == marker:
                                order[exit.process.execID, default: []].append("exit")
                            default: break
                            }
                        }
                        #expect(order.count == 1000)
                        let loads = order.values.first?.count { $0 == "load" } ?? 0
                        #expect(loads >= 2)
                        let wanted = ["exec"] + Array(repeating: "load", count: loads) + ["exit"]
                        let odd = order.values.filter { $0 != wanted }
                        #expect(odd.isEmpty, "\(odd.count): \(odd.first ?? [])")
                        #expect(!agent.log.contains("mapped files lost"))
                    }
                }
            }
        }

        private static var libc: String? {
            ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"].first {
                FileManager.default.fileExists(atPath: $0)
            }
        }
    }
}

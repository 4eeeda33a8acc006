// SPDX-License-Identifier: Apache-2.0
import Events
import GRPCCore
import Processes
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Server

@Suite struct FilterTests {
    private func pids(allow: [Tetragon_Filter] = [], deny: [Tetragon_Filter] = []) throws -> [UInt32] {
        let events = [
            try sampleEvent(.processExec, pid: 1),
            try sampleEvent(.processExit, pid: 2),
            try sampleEvent(.processExec, pid: 3, namespace: "default", inInitTree: true),
            try sampleEvent(.processExit, pid: 4, namespace: "kube-system"),
        ]
        let filter = try EventFilter(
            .with {
                $0.allowList = allow
                $0.denyList = deny
            })
        return events.filter { filter.predicate?($0) ?? true }.map(\.process.pid)
    }

    @Test func emptyRequestAndEmptyFilterMatchEverything() throws {
        #expect(try pids() == [1, 2, 3, 4])
        #expect(try pids(allow: [Tetragon_Filter()]) == [1, 2, 3, 4])
        #expect(try pids(deny: [Tetragon_Filter()]) == [])
    }

    @Test func eachFieldSelects() throws {
        #expect(try pids(allow: [.with { $0.eventSet = [.processExit] }]) == [2, 4])
        #expect(try pids(allow: [.with { $0.pid = [1, 4, 9] }]) == [1, 4])
        #expect(try pids(allow: [.with { $0.namespace = ["default"] }]) == [3])
        #expect(try pids(allow: [.with { $0.namespace = [""] }]) == [1, 2])
        #expect(try pids(allow: [.with { $0.inInitTree = .with { $0.value = true } }]) == [3])
        #expect(try pids(allow: [.with { $0.inInitTree = .with { $0.value = false } }]) == [1, 2, 4])
    }

    @Test func fieldsOfOneFilterMustAllMatchAndFiltersOfAListAnyOne() throws {
        let exits = Tetragon_Filter.with { $0.eventSet = [.processExit] }
        let exitsOfSystem = Tetragon_Filter.with {
            $0.eventSet = [.processExit]
            $0.namespace = ["kube-system"]
        }
        #expect(try pids(allow: [exitsOfSystem]) == [4])
        #expect(try pids(allow: [exitsOfSystem, .with { $0.pid = [1] }]) == [1, 4])
        #expect(try pids(deny: [exitsOfSystem]) == [1, 2, 3])
        #expect(try pids(allow: [exits], deny: [exitsOfSystem]) == [2])
    }

    @Test func whatCannotBeObeyedIsRefusedByName() throws {
        func message(_ set: (inout Tetragon_GetEventsRequest) throws -> Void) rethrows -> String {
            var request = Tetragon_GetEventsRequest()
            try set(&request)
            let error = #expect(throws: RPCError.self) { try EventFilter(request) }
            #expect(error?.code == .unimplemented)
            return error?.message ?? ""
        }
        #expect(message { $0.allowList = [.with { $0.binaryRegex = ["sh"] }] }.contains("allow_list.binary_regex"))
        #expect(message { $0.denyList = [.with { $0.labels = ["a=b"] }] }.contains("deny_list.labels"))
        #expect(message { $0.denyList = [.with { $0.healthCheck = .init() }] }.contains("deny_list.health_check"))
        #expect(message { $0.allowList = [.with { $0.containerID = ["a"] }] }.contains("allow_list.container_id"))
        #expect(message { $0.aggregationOptions = .init() }.contains("aggregation_options"))
        #expect(message { $0.fieldFilters = [.init()] }.contains("field_filters"))
        // Field 19 of Filter, which a newer client may send: "namespace_regex".
        let newer = try Tetragon_Filter(serializedBytes: [0x9a, 0x01, 0x01, 0x61] as [UInt8])
        #expect(message { $0.allowList = [newer] }.contains("allow_list"))
    }
}

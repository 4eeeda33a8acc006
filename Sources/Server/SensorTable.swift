// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import SwiftProtobuf
internal import Synchronization
internal import TetragonAPI

/// What the sensor RPCs reach of the running agent.
package struct SensorAccess: Sendable {
    /// The base sensors' programs that are attached now.
    package var basePrograms: @Sendable () -> [String]
    /// Switches the sensor `test` on or off. Returns when that is so.
    package var setTest: @Sendable (Bool) async -> Void

    package init(
        basePrograms: @escaping @Sendable () -> [String], setTest: @escaping @Sendable (Bool) async -> Void
    ) {
        self.basePrograms = basePrograms
        self.setTest = setTest
    }
}

/// The sensors by name: the base ones, which are always on, and `test`.
final class SensorTable: Sendable {
    private enum Test: Sendable { case off, on, removed }

    /// What a name stands for.
    private enum Found: Sendable { case base, test }

    private static let base = "__base__"
    private static let test = "test"

    private let access: SensorAccess
    private let state = Mutex(Test.off)

    init(_ access: SensorAccess) { self.access = access }

    func list() -> Tetragon_ListSensorsResponse {
        let programs = access.basePrograms()
        let test = state.withLock { $0 }
        return .with {
            $0.sensors = [Self.status(Self.base, of: Self.base, isOn: !programs.isEmpty)]
            $0.sensors += programs.map { Self.status($0, of: Self.base, isOn: true) }
            if test != .removed { $0.sensors.append(Self.status(Self.test, of: Self.test, isOn: test == .on)) }
        }
    }

    func enable(_ name: String) async throws {
        switch try find(name) {
        case .test: await change(to: .on)
        case .base:
            guard access.basePrograms().isEmpty else { return }
            throw RPCError(
                code: .failedPrecondition, message: "sensor \(name) is attached when the agent starts, not by a call")
        }
    }

    func disable(_ name: String) async throws { try await change(name, to: .off) }

    func remove(_ name: String) async throws { try await change(name, to: .removed) }

    /// The tree of a sensor that keeps no stacks, as none does yet, is a root without anything.
    func stackTraceTree(_ name: String) throws -> Tetragon_GetStackTraceTreeResponse {
        _ = try find(name)
        return .with { $0.root = .init() }
    }

    private func change(_ name: String, to new: Test) async throws {
        guard try find(name) == .test else {
            throw RPCError(
                code: .failedPrecondition,
                message: "sensor \(name) belongs to \(Self.base), which cannot be switched off: "
                    + "without it the agent does not know which processes there are")
        }
        await change(to: new)
    }

    private func change(to new: Test) async {
        await access.setTest(new == .on)
        state.withLock { $0 = new }
    }

    private func find(_ name: String) throws -> Found {
        if name == Self.base || access.basePrograms().contains(name) { return .base }
        if name == Self.test, state.withLock({ $0 }) != .removed { return .test }
        throw RPCError(code: .notFound, message: "sensor \(name.shown) does not exist")
    }

    private static func status(_ name: String, of collection: String, isOn: Bool) -> Tetragon_SensorStatus {
        .with {
            $0.name = name
            $0.enabled = isOn
            $0.collection = collection
        }
    }
}

extension String {
    /// A name of a client's choice, in an error: cut, for a header has little room.
    var shown: String { count <= 128 ? self : prefix(128) + "…" }
}

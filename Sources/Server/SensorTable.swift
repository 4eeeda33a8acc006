// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import PolicyEngine
internal import SwiftProtobuf
package import Symbols
internal import Synchronization
internal import TetragonAPI

/// What the sensor RPCs reach of the running agent.
package struct SensorAccess: Sendable {
    /// The base sensors' programs that are attached now.
    package var basePrograms: @Sendable () -> [String]
    /// Switches the sensor `test` on or off. Returns when that is so.
    package var setTest: @Sendable (Bool) async -> Void

    /// The kernel stacks of a policy's hits; nil of one that has none.
    package var stackTree: @Sendable (String) -> StackTree.Node?
    /// Whether stacks have addresses beside names.
    package var exposesAddresses: @Sendable () -> Bool

    package init(
        basePrograms: @escaping @Sendable () -> [String], setTest: @escaping @Sendable (Bool) async -> Void,
        stackTree: @escaping @Sendable (String) -> StackTree.Node? = { _ in nil },
        exposesAddresses: @escaping @Sendable () -> Bool = { false }
    ) {
        self.basePrograms = basePrograms
        self.setTest = setTest
        self.stackTree = stackTree
        self.exposesAddresses = exposesAddresses
    }
}

/// The sensors by name: the base ones, which are always on, `test`, and those of policies. These are switched by their
/// policy's name, if it is one of the whole cluster.
final class SensorTable: Sendable {
    private enum Test: Sendable { case off, on, removed }

    /// What a name stands for.
    private enum Found: Sendable { case base, test, policy(PolicyKey) }

    private static let base = "__base__"
    private static let test = "test"

    private let access: SensorAccess
    private let policies: PolicyAccess
    private let state = Mutex(Test.off)

    init(_ access: SensorAccess, _ policies: PolicyAccess) {
        self.access = access
        self.policies = policies
    }

    func list() -> Tetragon_ListSensorsResponse {
        let programs = access.basePrograms()
        let test = state.withLock { $0 }
        return .with {
            $0.sensors = [Self.status(Self.base, of: Self.base, isOn: !programs.isEmpty)]
            $0.sensors += programs.map { Self.status($0, of: Self.base, isOn: true) }
            if test != .removed { $0.sensors.append(Self.status(Self.test, of: Self.test, isOn: test == .on)) }
            for policy in policies.list() {
                $0.sensors += policy.sensors.map { Self.status($0, of: "\(policy.key)", isOn: policy.isLoaded) }
            }
        }
    }

    func enable(_ name: String) async throws {
        switch try find(name) {
        case .test: await change(to: .on)
        case .policy(let key): try await PolicyEndpoint.answering { try await policies.enable(key) }
        case .base:
            guard access.basePrograms().isEmpty else { return }
            throw RPCError(
                code: .failedPrecondition, message: "sensor \(name) is attached when the agent starts, not by a call")
        }
    }

    func disable(_ name: String) async throws { try await change(name, to: .off) }

    func remove(_ name: String) async throws { try await change(name, to: .removed) }

    /// The tree of a sensor that keeps no stacks is a root without anything.
    func stackTraceTree(_ name: String) throws -> Tetragon_GetStackTraceTreeResponse {
        guard let tree = access.stackTree(name) else {
            _ = try find(name)
            return .with { $0.root = .init() }
        }
        return .with { $0.root = tree.message(exposesAddresses: access.exposesAddresses()) }
    }

    private func change(_ name: String, to new: Test) async throws {
        switch try find(name) {
        case .test: await change(to: new)
        case .policy(let key):
            try await PolicyEndpoint.answering {
                if new == .removed { try await policies.delete(key) } else { try await policies.disable(key) }
            }
        case .base:
            throw RPCError(
                code: .failedPrecondition,
                message: "sensor \(name) belongs to \(Self.base), which cannot be switched off: "
                    + "without it the agent does not know which processes there are")
        }
    }

    private func change(to new: Test) async {
        await access.setTest(new == .on)
        state.withLock { $0 = new }
    }

    private func find(_ name: String) throws -> Found {
        if name == Self.base || access.basePrograms().contains(name) { return .base }
        if name == Self.test, state.withLock({ $0 }) != .removed { return .test }
        if let policy = policies.list().first(where: { $0.key == PolicyKey(name: name) }) { return .policy(policy.key) }
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

extension StackTree.Node {
    /// As deep as a stack, which is bounded.
    fileprivate func message(exposesAddresses: Bool) -> Tetragon_StackTraceNode {
        .with {
            $0.address.address = exposesAddresses ? frame.address : 0
            $0.address.symbol = frame.symbol
            $0.count = count
            $0.labels = labels.sorted { $0.key < $1.key }.map { label in
                .with {
                    $0.key = label.key
                    $0.count = label.value
                }
            }
            $0.children = children.map { $0.message(exposesAddresses: exposesAddresses) }
        }
    }
}

extension String {
    /// A name of a client's choice, in an error: cut, for a header has little room.
    var shown: String { count <= 128 ? self : prefix(128) + "…" }
}

// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
package import Policies
package import PolicyEngine
internal import SwiftProtobuf
internal import TetragonAPI

/// What the RPCs about policies reach of the running agent.
package struct PolicyAccess: Sendable {
    package var list: @Sendable () -> [PolicyStatus]
    /// Loads the one policy of a text.
    package var add: @Sendable (String) async throws -> Void
    package var delete: @Sendable (PolicyKey) async throws -> Void
    package var enable: @Sendable (PolicyKey) async throws -> Void
    package var disable: @Sendable (PolicyKey) async throws -> Void
    package var dump: @Sendable () async -> PolicyDump
    package var configure: @Sendable (PolicyKey, _ isEnabled: Bool?, _ mode: PolicyOptions.Mode?) async throws -> Void

    package init(
        list: @escaping @Sendable () -> [PolicyStatus], add: @escaping @Sendable (String) async throws -> Void,
        delete: @escaping @Sendable (PolicyKey) async throws -> Void,
        enable: @escaping @Sendable (PolicyKey) async throws -> Void,
        disable: @escaping @Sendable (PolicyKey) async throws -> Void,
        dump: @escaping @Sendable () async -> PolicyDump,
        configure: @escaping @Sendable (PolicyKey, _ isEnabled: Bool?, _ mode: PolicyOptions.Mode?) async throws -> Void
    ) {
        self.list = list
        self.add = add
        self.delete = delete
        self.enable = enable
        self.disable = disable
        self.dump = dump
        self.configure = configure
    }

    /// Of an agent that takes none.
    package static let none = PolicyAccess(
        list: { [] }, add: { _ in throw PolicyManagerError.stopped }, delete: { throw PolicyManagerError.unknown($0) },
        enable: { throw PolicyManagerError.unknown($0) }, disable: { throw PolicyManagerError.unknown($0) },
        dump: { PolicyDump() }, configure: { key, _, _ in throw PolicyManagerError.unknown(key) })

    /// - Parameter ready: nothing is loaded before.
    package init(_ manager: PolicyManager, _ ready: ReadyGate) {
        self.init(
            list: { manager.list },
            add: {
                guard ready.isOpen else { throw PolicyManagerError.starting }
                try await manager.add($0)
            }, delete: { try await manager.delete($0) },
            enable: {
                guard ready.isOpen else { throw PolicyManagerError.starting }
                try await manager.enable($0)
            }, disable: { try await manager.disable($0) }, dump: { await manager.dump() },
            configure: { key, isEnabled, mode in
                guard ready.isOpen || isEnabled != true else { throw PolicyManagerError.starting }
                try await manager.configure(key, isEnabled: isEnabled, mode: mode)
            })
    }
}

/// The RPCs about policies.
struct PolicyEndpoint: Sendable {
    let access: PolicyAccess

    func list(_ request: Tetragon_ListTracingPoliciesRequest) throws -> Tetragon_ListTracingPoliciesResponse {
        try Self.refuseDomain(request.domain, "ListTracingPolicies")
        return .with { $0.policies = access.list().map(\.message) }
    }

    func add(_ request: Tetragon_AddTracingPolicyRequest) async throws -> Tetragon_AddTracingPolicyResponse {
        try Self.refuseDomain(request.domain, "AddTracingPolicy")
        try await Self.answering { try await access.add(request.yaml) }
        return Tetragon_AddTracingPolicyResponse()
    }

    func delete(_ request: Tetragon_DeleteTracingPolicyRequest) async throws -> Tetragon_DeleteTracingPolicyResponse {
        try Self.refuseDomain(request.domain, "DeleteTracingPolicy")
        let key = try Self.key(request.name, request.namespace, "DeleteTracingPolicy")
        try await Self.answering { try await access.delete(key) }
        return Tetragon_DeleteTracingPolicyResponse()
    }

    func enable(_ request: Tetragon_EnableTracingPolicyRequest) async throws -> Tetragon_EnableTracingPolicyResponse {
        try Self.refuseDomain(request.domain, "EnableTracingPolicy")
        let key = try Self.key(request.name, request.namespace, "EnableTracingPolicy")
        try await Self.answering { try await access.enable(key) }
        return Tetragon_EnableTracingPolicyResponse()
    }

    func disable(
        _ request: Tetragon_DisableTracingPolicyRequest
    ) async throws -> Tetragon_DisableTracingPolicyResponse {
        try Self.refuseDomain(request.domain, "DisableTracingPolicy")
        let key = try Self.key(request.name, request.namespace, "DisableTracingPolicy")
        try await Self.answering { try await access.disable(key) }
        return Tetragon_DisableTracingPolicyResponse()
    }

    func configure(
        _ request: Tetragon_ConfigureTracingPolicyRequest
    ) async throws -> Tetragon_ConfigureTracingPolicyResponse {
        try Self.refuseDomain(request.domain, "ConfigureTracingPolicy")
        let key = try Self.key(request.name, request.namespace, "ConfigureTracingPolicy")
        let mode: PolicyOptions.Mode? =
            switch request.hasMode ? request.mode : nil {
            case .tpModeEnforce?: .enforce
            case .tpModeMonitor?: .monitor
            case nil: nil
            case .tpModeUnknown?, .tpModeMonitorOnly?, .UNRECOGNIZED?:
                throw RPCError(
                    code: .invalidArgument,
                    message: "ConfigureTracingPolicy: the mode is TP_MODE_ENFORCE or TP_MODE_MONITOR, not "
                        + "\(request.mode.rawValue)")
            }
        try await Self.answering {
            try await access.configure(key, request.hasEnable ? request.enable : nil, mode)
        }
        return Tetragon_ConfigureTracingPolicyResponse()
    }

    private static func key(_ name: String, _ namespace: String, _ call: String) throws -> PolicyKey {
        guard !name.isEmpty else {
            throw RPCError(code: .invalidArgument, message: "\(call) needs the policy's name")
        }
        return PolicyKey(name: name, namespace: namespace)
    }

    /// Who asks for one domain's policies does not mean those of all.
    private static func refuseDomain(_ domain: String, _ call: String) throws {
        guard domain.isEmpty else {
            throw RPCError(
                code: .invalidArgument,
                message: "\(call): policies have no domains here, so there is no \(domain.shown): leave the domain out")
        }
    }

    /// A status for each error, and a sentence that a header has room for.
    static func answering(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as PolicyProblems {
            throw RPCError(code: .invalidArgument, message: "\(error)".cut(to: longestReason))
        } catch let error as PolicyManagerError {
            throw RPCError(code: error.code, message: error.shown.cut(to: longestReason))
        }
    }

    /// A header's fields may have 16 KiB together, and what is not ASCII is written as three bytes for each.
    private static let longestReason = 4096
}

extension PolicyManagerError {
    fileprivate var code: RPCError.Code {
        switch self {
        case .exists: .alreadyExists
        case .unknown: .notFound
        case .isNotDisabled, .isNotEnabled, .notLoaded, .cannotEnforce, .isLeftover: .failedPrecondition
        case .tooMany: .resourceExhausted
        case .starting, .stopped: .unavailable
        }
    }

    /// A client may ask for any name.
    fileprivate var shown: String {
        switch self {
        case .unknown(let key): "tracing policy \("\(key)".shown) does not exist"
        default: description
        }
    }
}

extension String {
    fileprivate func cut(to bytes: Int) -> String {
        utf8.count <= bytes ? self : String(decoding: utf8.prefix(bytes), as: UTF8.self) + "…"
    }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import SwiftProtobuf
import Testing
import TetragonAPI

extension AgentProcess {
    /// Has a policy for the length of `body`.
    func withPolicy(_ name: String, _ yaml: String, _ body: () async throws -> Void) async throws {
        try await add(yaml)
        do {
            try await body()
        } catch {
            try? await delete(name)
            throw error
        }
        try await delete(name)
    }

    func add(_ yaml: String) async throws {
        _ = try await withClient { client in try await client.addTracingPolicy(.with { $0.yaml = yaml }) }
    }

    /// Lets a policy that monitors do what it says.
    func enforce(_ name: String) async throws {
        _ = try await withClient { client in
            try await client.configureTracingPolicy(
                .with {
                    $0.name = name
                    $0.mode = .tpModeEnforce
                })
        }
    }

    func delete(_ name: String) async throws {
        _ = try await withClient { client in try await client.deleteTracingPolicy(.with { $0.name = name }) }
    }

    var policies: [Tetragon_TracingPolicyStatus] {
        get async throws { try await withClient { try await $0.listTracingPolicies(.init()).policies } }
    }
}

/// What the running kernel lets policies do.
enum PolicyKernel {
    /// It asks BPF programs at its LSM hooks: guests are booted with lsm=…,bpf.
    static let asksAtSecurityHooks: Bool = {
        let modules = try? String(contentsOfFile: "/sys/kernel/security/lsm", encoding: .utf8)
        return modules?.split(whereSeparator: { ",\n".contains($0) }).contains("bpf") == true
    }()
}

extension Trait where Self == ConditionTrait {
    static var needsSecurityHooks: Self {
        .enabled(if: PolicyKernel.asksAtSecurityHooks, "the kernel has no BPF security module")
    }
}

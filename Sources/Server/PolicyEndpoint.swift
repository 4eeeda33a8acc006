// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import TetragonAPI

/// The policy RPCs of an agent that has the base sensors alone: there is no policy, and none is taken.
enum PolicyEndpoint {
    static func add(_: Tetragon_AddTracingPolicyRequest) throws -> Tetragon_AddTracingPolicyResponse {
        throw RPCError(
            code: .unimplemented,
            message: "AddTracingPolicy: this version of Apus has the base sensors alone and loads no policy")
    }

    /// The error of a call about one policy.
    static func unknown(_ name: String, in namespace: String, _ call: String) -> RPCError {
        guard !name.isEmpty else {
            return RPCError(code: .invalidArgument, message: "\(call) needs the policy's name")
        }
        let key = namespace.isEmpty ? name : "\(namespace)/\(name)"
        return RPCError(code: .notFound, message: "tracing policy \(key.shown) does not exist")
    }
}

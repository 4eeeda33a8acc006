// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import GRPCCore
internal import Models
internal import PolicyEngine
internal import SwiftProtobuf
internal import TetragonAPI

/// apus.v1.Node: what the agent offers beside the API.
struct NodeService: RegistrableRPCService {
    let containers: @Sendable () async -> [KnownContainer]
    /// Nil of an agent that is not ready, or going.
    let ledger: @Sendable () async -> Ledger?
    let plan: @Sendable (String) async -> [PlannedPolicy]
    let dump: @Sendable () async -> PolicyDump

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerUnary(Apus_V1_Node.Method.ListContainers.descriptor) {
            (_: Apus_V1_ListContainersRequest, _) in
            let known = await containers()
            return Apus_V1_ListContainersResponse.with { $0.containers = known.map(\.message) }
        }
        router.registerUnary(Apus_V1_Node.Method.GetLedger.descriptor) { (_: Apus_V1_GetLedgerRequest, _) in
            guard let ledger = await ledger() else {
                throw RPCError(code: .unavailable, message: "GetLedger: the agent is starting, or shutting down")
            }
            return ledger.response
        }
        router.registerUnary(Apus_V1_Node.Method.PlanPolicy.descriptor) { (request: Apus_V1_PlanPolicyRequest, _) in
            let planned = await plan(request.yaml)
            return Apus_V1_PlanPolicyResponse.with { $0.policies = planned.map(\.message) }
        }
        router.registerUnary(Apus_V1_Node.Method.DumpPolicies.descriptor) { (_: Apus_V1_DumpPoliciesRequest, _) in
            await dump().message
        }
    }
}

extension KnownContainer {
    fileprivate var message: Apus_V1_KnownContainer {
        .with {
            $0.container.id = identity.id.text
            $0.container.name = identity.name
            $0.container.image = identity.image
            $0.container.runtime = identity.runtime
            $0.container.bundle = identity.bundle
            $0.identity.source = source.rawValue
            $0.cgroupID = cgroup
            $0.cgroupPath = cgroupPath
            $0.initPid = initProcess ?? 0
            $0.started = hasStarted
            guard identity.hasPod else { return }
            $0.pod.namespace = identity.podNamespace
            $0.pod.name = identity.podName
            $0.pod.uid = identity.podUID
            $0.pod.podLabels = pod?.labels ?? [:]
            $0.pod.workload = pod?.workload ?? ""
            $0.pod.workloadKind = pod?.workloadKind ?? ""
            $0.pod.container.id = identity.qualifiedID
            $0.pod.container.name = identity.name
            $0.pod.container.image.id = podContainer?.imageID ?? ""
            $0.pod.container.image.name = identity.image
            if let start = podContainer?.startTime, start != 0 {
                $0.pod.container.startTime = .with {
                    $0.seconds = start / 1_000_000_000
                    $0.nanos = Int32(start % 1_000_000_000)
                }
            }
        }
    }
}

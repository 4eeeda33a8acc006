// SPDX-License-Identifier: Apache-2.0

import GRPCCore
import GRPCProtobuf
import SwiftProtobuf
import Synchronization
import TetragonAPI

/// The calls that manage an agent: answered with what a test has put there, and written down.
final class FakeControl: Sendable {
    typealias Method = Tetragon_FineGuidanceSensors.Method

    let policies: [Tetragon_TracingPolicyStatus]
    let sensors: [Tetragon_SensorStatus]
    let processes: [Tetragon_ProcessInternal]
    let dump: Apus_V1_DumpPoliciesResponse
    private let heard = Mutex<[String]>([])
    private let level = Mutex(Tetragon_LogLevel.info)

    init(
        policies: [Tetragon_TracingPolicyStatus] = [], sensors: [Tetragon_SensorStatus] = [],
        processes: [Tetragon_ProcessInternal] = [], dump: Apus_V1_DumpPoliciesResponse = .init()
    ) {
        self.dump = dump
        self.policies = policies
        self.sensors = sensors
        self.processes = processes
    }

    /// Every change that was asked for.
    var calls: [String] { heard.withLock { $0 } }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        answer(&router, Method.ListTracingPolicies.descriptor) { (_: Tetragon_ListTracingPoliciesRequest) in
            Tetragon_ListTracingPoliciesResponse.with { $0.policies = self.policies }
        }
        answer(&router, Method.AddTracingPolicy.descriptor) { (request: Tetragon_AddTracingPolicyRequest) in
            guard request.yaml.contains("kind: TracingPolicy") else {
                throw RPCError(code: .invalidArgument, message: "no policy in \u{1b}[2Jit.")
            }
            self.note("add \(request.yaml)")
            return Tetragon_AddTracingPolicyResponse()
        }
        answer(&router, Method.DeleteTracingPolicy.descriptor) { (request: Tetragon_DeleteTracingPolicyRequest) in
            self.note("delete \(request.namespace)/\(request.name)")
            return Tetragon_DeleteTracingPolicyResponse()
        }
        answer(&router, Method.EnableTracingPolicy.descriptor) { (request: Tetragon_EnableTracingPolicyRequest) in
            self.note("enable \(request.namespace)/\(request.name)")
            return Tetragon_EnableTracingPolicyResponse()
        }
        answer(&router, Method.DisableTracingPolicy.descriptor) { (request: Tetragon_DisableTracingPolicyRequest) in
            self.note("disable \(request.namespace)/\(request.name)")
            return Tetragon_DisableTracingPolicyResponse()
        }
        answer(&router, Method.ConfigureTracingPolicy.descriptor) { (request: Tetragon_ConfigureTracingPolicyRequest) in
            let enable = request.hasEnable ? " \(request.enable)" : ""
            self.note("configure \(request.namespace)/\(request.name) \(request.mode)\(enable)")
            return Tetragon_ConfigureTracingPolicyResponse()
        }
        answer(&router, Apus_V1_Node.Method.DumpPolicies.descriptor) { (_: Apus_V1_DumpPoliciesRequest) in self.dump }
        // Of a text without policies, as all are that the tests have it plan.
        answer(&router, Apus_V1_Node.Method.PlanPolicy.descriptor) { (_: Apus_V1_PlanPolicyRequest) in
            Apus_V1_PlanPolicyResponse()
        }
        answer(&router, Method.ListSensors.descriptor) { (_: Tetragon_ListSensorsRequest) in
            Tetragon_ListSensorsResponse.with { $0.sensors = self.sensors }
        }
        answer(&router, Method.EnableSensor.descriptor) { (request: Tetragon_EnableSensorRequest) in
            self.note("enable \(request.name)")
            return Tetragon_EnableSensorResponse()
        }
        answer(&router, Method.DisableSensor.descriptor) { (request: Tetragon_DisableSensorRequest) in
            self.note("disable \(request.name)")
            return Tetragon_DisableSensorResponse()
        }
        answer(&router, Method.RemoveSensor.descriptor) { (request: Tetragon_RemoveSensorRequest) in
            self.note("remove \(request.name)")
            return Tetragon_RemoveSensorResponse()
        }
        answer(&router, Method.GetDebug.descriptor) { (request: Tetragon_GetDebugRequest) in self.debug(request) }
        answer(&router, Method.SetDebug.descriptor) { (request: Tetragon_SetDebugRequest) in
            self.level.withLock { $0 = request.level }
            return Tetragon_SetDebugResponse.with {
                $0.flag = request.flag
                $0.level = request.level
            }
        }
    }

    private func debug(_ request: Tetragon_GetDebugRequest) -> Tetragon_GetDebugResponse {
        .with {
            $0.flag = request.flag
            switch request.flag {
            case .dumpProcessCache:
                $0.processes.processes = processes.filter {
                    !request.dump.skipZeroRefcnt || $0.refcnt.value > 0
                }
            case .logLevel, .UNRECOGNIZED:
                $0.level = level.withLock { $0 }
            }
        }
    }

    private func note(_ call: String) { heard.withLock { $0.append(call) } }

    private func answer<Input: Message, Output: Message, Transport: ServerTransport>(
        _ router: inout RPCRouter<Transport>, _ method: MethodDescriptor,
        _ body: @escaping @Sendable (Input) throws -> Output
    ) {
        router.registerHandler(
            forMethod: method, deserializer: ProtobufDeserializer<Input>(), serializer: ProtobufSerializer<Output>()
        ) { request, _ in
            StreamingServerResponse(
                single: ServerResponse(message: try body(try await ServerRequest(stream: request).message)))
        }
    }
}

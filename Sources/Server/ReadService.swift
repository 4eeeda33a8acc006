// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import TetragonAPI

/// The API on the group's socket: what only reads.
struct ReadService: RegistrableRPCService {
    let service: SensorsService

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        service.registerReading(with: &router)
        for method in SensorsService.Method.descriptors where !router.hasHandler(forMethod: method) {
            router.registerRefusal(
                method, .permissionDenied,
                "this socket is for reading: it serves GetEvents, GetHealth and GetVersion; \(method.method) is on the "
                    + "agent's main address")
        }
    }
}

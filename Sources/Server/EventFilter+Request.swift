// SPDX-License-Identifier: Apache-2.0
internal import Events
internal import GRPCCore
internal import SwiftProtobuf
internal import TetragonAPI

extension EventFilter {
    /// What a request asks for, obeyed or refused.
    init(_ request: Tetragon_GetEventsRequest) throws(RPCError) {
        for unknown in [request.unknownFields, request.options.unknownFields] where !unknown.data.isEmpty {
            throw RPCError(
                code: .unimplemented,
                message: "GetEvents: this version of Apus does not support a field that it does not know")
        }
        do throws(FilterError) {
            try self.init(allow: request.allowList, deny: request.denyList)
        } catch {
            throw RPCError(error)
        }
    }
}

extension Aggregation {
    /// Nil where a request asks for none.
    static func of(_ request: Tetragon_GetEventsRequest, mostCapacity: Int) throws(RPCError) -> Aggregation? {
        do throws(FilterError) {
            return try Aggregation(request, mostCapacity: mostCapacity)
        } catch {
            throw RPCError(error)
        }
    }
}

extension FieldFilters {
    init(_ request: Tetragon_GetEventsRequest) throws(RPCError) {
        do throws(FilterError) { try self.init(request.fieldFilters) } catch { throw RPCError(error) }
    }
}

extension RPCError {
    fileprivate init(_ error: FilterError) {
        self.init(
            code: error.kind == .invalid ? .invalidArgument : .unimplemented, message: "GetEvents: \(error)")
    }
}

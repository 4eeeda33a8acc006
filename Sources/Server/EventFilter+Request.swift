// SPDX-License-Identifier: Apache-2.0
internal import Events
internal import GRPCCore
internal import SwiftProtobuf
internal import TetragonAPI

extension EventFilter {
    /// What a request asks for, obeyed or refused.
    init(_ request: Tetragon_GetEventsRequest) throws(RPCError) {
        if request.hasAggregationOptions { throw Self.refusal(of: "aggregation_options") }
        if !request.unknownFields.data.isEmpty { throw Self.refusal(of: "a field that it does not know") }
        do throws(FilterError) {
            try self.init(allow: request.allowList, deny: request.denyList)
        } catch {
            throw RPCError(error)
        }
    }

    private static func refusal(of field: String) -> RPCError {
        RPCError(code: .unimplemented, message: "GetEvents: this version of Apus does not support \(field)")
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

// SPDX-License-Identifier: Apache-2.0
package import GRPCNIOTransportHTTP2Posix
internal import Models
internal import Processes
internal import SwiftProtobuf
package import TetragonAPI

/// How a request wants its events gathered: the API's AggregationOptions.
package struct Aggregation: Sendable {
    /// Where a request names none.
    package static let defaultWindow = Duration.seconds(15)
    package static let shortestWindow = Duration.milliseconds(1)
    package static let longestWindow = Duration.seconds(3600)

    package let window: Duration
    /// Exec and exit events as well.
    package let includesProcesses: Bool
    /// Events that may wait for the client; nil: as many as for any.
    package let capacity: Int?

    /// Nil where a request asks for none.
    /// - Parameter mostCapacity: events that may wait for any client.
    package init?(_ request: Tetragon_GetEventsRequest, mostCapacity: Int) throws(FilterError) {
        let name = "aggregation_options"
        guard request.hasAggregationOptions else {
            if request.options.aggregateProcesses {
                throw .invalid("options.aggregate_processes", "there is no aggregation without \(name)")
            }
            return nil
        }
        let options = request.aggregationOptions
        try FilterCompiler.requireKnown(options.unknownFields, at: name)
        window =
            options.hasWindowSize
            ? try Self.window(options.windowSize, at: "\(name).window_size") : Self.defaultWindow
        guard options.channelBufferSize <= UInt64(max(mostCapacity, 0)) else {
            throw .invalid(
                "\(name).channel_buffer_size",
                "\(options.channelBufferSize) events; this agent lets \(mostCapacity) wait for a client at most")
        }
        capacity = options.channelBufferSize == 0 ? nil : Int(options.channelBufferSize)
        includesProcesses = request.options.aggregateProcesses
    }

    private static func window(
        _ size: Google_Protobuf_Duration, at position: String
    ) throws(FilterError) -> Duration {
        // Any numbers may stand here: these are few enough to be added.
        let isWhole = (0...3600).contains(size.seconds) && (0..<1_000_000_000).contains(size.nanos)
        let window = isWhole ? Duration.seconds(size.seconds) + .nanoseconds(Int64(size.nanos)) : .zero
        guard window >= shortestWindow, window <= longestWindow else {
            throw .invalid(
                position, "\(size.seconds) s and \(size.nanos) ns; 1 ms is the least, and 1 h the most")
        }
        return window
    }

    /// For one stream of events.
    package var aggregator: Aggregator { Aggregator(window: window, aggregatesProcesses: includesProcesses) }
}

extension FieldFilters {
    /// What the subscriber gets of an event that may stand for several.
    package func message(_ aggregate: Aggregator.Aggregate) -> GRPCNIOTransportBytes {
        guard aggregate.count > 1 else { return message(aggregate.event) }
        // The encoding of a message with one more field is its own and the field's.
        var w = ProtobufWriter()
        w.bytes = message(aggregate.event).withUnsafeBytes { Array($0) }
        w.message(1002) { $0.uint64(1, aggregate.count) }
        return GRPCNIOTransportBytes(w.bytes)
    }
}

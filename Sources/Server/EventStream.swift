// SPDX-License-Identifier: Apache-2.0
internal import Events
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import Processes
internal import TetragonAPI

/// GetEvents.
struct EventStream: Sendable {
    let hub: EventHub
    let ready: ReadyGate
    let streams: OpenStreams
    let peers: PeerTable
    /// Events that wait for one client.
    let capacity: Int

    /// Events handed to the transport in one go: enough to make the cost of a hand-over small.
    private static let batch = 256
    /// What follows within a moment is waited for: in a storm, every second round of the reading thread.
    private static let linger = Duration.milliseconds(5)

    /// The headers leave when this returns, so the subscription is made here: a client that has seen them sees every
    /// event from then on.
    func open(
        _ request: Tetragon_GetEventsRequest, _ context: ServerContext
    ) async throws -> StreamingServerResponse<GRPCNIOTransportBytes> {
        let filter = try EventFilter(request)
        let fields = try FieldFilters(request)
        let aggregation = try Aggregation.of(request, mostCapacity: capacity)
        try await waitUntilReady(context)

        // What the stream's client holds in memory is its user's: within the bounds of the socket, if it has any.
        let connection = context.connection
        if let connection, !peers.beginCall(connection) {
            throw RPCError(
                code: .resourceExhausted, message: "GetEvents: this user has too many streams on this socket")
        }
        let lease = streams.lease(
            hub.subscribe(
                name: "grpc \(clientName(context))", format: .protobuf,
                capacity: aggregation?.capacity ?? capacity, linger: Self.linger, tellsLoss: request.options.loss,
                notices: filter.names(.rateLimitInfo) ? [.rateLimitInfo] : [], accepts: filter.predicate),
            onEnd: { [peers] in if let connection { peers.endCall(connection) } })
        return StreamingServerResponse { writer in
            // When a client leaves, the RPC is cancelled and this task is not: without the handler an idle
            // subscription would stay for good.
            try await withRPCCancellationHandler {
                if var aggregator = aggregation?.aggregator {
                    try await send(lease.subscription, through: &aggregator, fields, to: writer)
                } else {
                    while let events = await lease.subscription.next(upTo: Self.batch, bytes: streams.batchBytes) {
                        try await writer.write(contentsOf: events.map { fields.message($0) })
                    }
                }
            } onCancelRPC: {
                lease.subscription.close()
            }
            if context.cancellation.isCancelled {
                throw RPCError(code: .cancelled, message: "The client cancelled the call.")
            }
            throw RPCError(code: .unavailable, message: "The agent is shutting down.")
        }
    }

    /// What waits at the stream's end is sent as well.
    private func send(
        _ subscription: Subscription, through aggregator: inout Aggregator, _ fields: FieldFilters,
        to writer: RPCWriter<GRPCNIOTransportBytes>
    ) async throws {
        while let events = await subscription.next(
            upTo: Self.batch, bytes: streams.batchBytes, until: aggregator.nextDue)
        {
            let passed = aggregator.pass(events, now: WallClock.bootNanoseconds)
            if !passed.isEmpty { try await writer.write(contentsOf: passed.map { fields.message($0) }) }
        }
        let rest = aggregator.finish()
        if !rest.isEmpty { try await writer.write(contentsOf: rest.map { fields.message($0) }) }
    }

    /// For the operator who reads a list of subscribers.
    private func clientName(_ context: ServerContext) -> String {
        context.connection.flatMap(peers.peer).map { "pid \($0.pid) uid \($0.uid)" } ?? context.remotePeer
    }

    private func waitUntilReady(_ context: ServerContext) async throws {
        if ready.isOpen { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await ready.pass() }
            group.addTask {
                try await context.cancellation.cancelled
                throw RPCError(code: .cancelled, message: "The client cancelled the call.")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

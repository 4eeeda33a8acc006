// SPDX-License-Identifier: Apache-2.0
internal import CEL
internal import GRPCNIOTransportHTTP2Posix
internal import TetragonAPI

/// Expressions over the whole event, any of which must be true of it. They read the encoded event.
struct CELCondition: EventCondition {
    let programs: [Program]

    /// Each kind of event is a variable. An expression is asked for every event, by the thread that reads the ring.
    static let environment: Environment = {
        var limits = Limits()
        limits.cost = 10_000
        (limits.patterns, limits.patternMemory) = (8, FilterBounds.expressionMemory)
        (limits.makesPatterns, limits.makesMessages) = (false, false)
        return Environment(
            descriptors: APIDescriptors.files, message: "tetragon.GetEventsResponse", oneof: "event", limits: limits)
    }()

    func holds(for event: Event) -> Bool {
        let encoded = event.message.withUnsafeBytes { ByteString(Array($0)) }
        guard let activation = try? Self.environment.activation(of: encoded) else { return false }
        // One without a value, or with too many steps, is not true.
        return programs.contains { (try? $0.matches(activation)) == true }
    }
}

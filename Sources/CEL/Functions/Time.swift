// SPDX-License-Identifier: Apache-2.0

// timestamp, duration and what is read from them

extension Library {
    mutating func addTime() {
        unary(
            "timestamp", [ValueType.timestamp, .string, .int].map { overload($0, to: .timestamp) }
        ) { a, _ throws(EvaluationError) in
            switch a {
            case .timestamp: return a
            case .string(let text): return .timestamp(try Timestamp(text))
            case .int(let seconds):
                guard let time = Timestamp(checking: seconds, nanoseconds: 0) else { throw .overflow("timestamp()") }
                return .timestamp(time)
            default: throw .noSuchOverload("timestamp")
            }
        }
        unary(
            "duration", [ValueType.duration, .string, .int].map { overload($0, to: .duration) }
        ) { a, _ throws(EvaluationError) in
            switch a {
            case .duration: return a
            case .string(let text): return .duration(try Span(text))
            case .int(let seconds):
                guard let span = Span(seconds: seconds, nanoseconds: 0) else { throw .overflow("duration()") }
                return .duration(span)
            default: throw .noSuchOverload("duration")
            }
        }
        addAccessor("getFullYear") { Int64($0.year) }
        addAccessor("getMonth") { Int64($0.month - 1) }
        addAccessor("getDate") { Int64($0.day) }
        addAccessor("getDayOfMonth") { Int64($0.day - 1) }
        addAccessor("getDayOfYear") { Int64($0.dayOfYear) }
        addAccessor("getDayOfWeek") { Int64($0.dayOfWeek) }
        addAccessor("getHours", { Int64($0.secondOfDay / 3600) }) { $0.nanoseconds / 3_600_000_000_000 }
        addAccessor("getMinutes", { Int64($0.secondOfDay / 60 % 60) }) { $0.nanoseconds / 60_000_000_000 }
        addAccessor("getSeconds", { Int64($0.secondOfDay % 60) }) { $0.nanoseconds / 1_000_000_000 }
        addAccessor("getMilliseconds", { Int64($0.nanoseconds / 1_000_000) }) {
            $0.nanoseconds % 1_000_000_000 / 1_000_000
        }
    }

    /// Of a timestamp in UTC or in a zone that is named; and of a duration as a whole, if it has such a part.
    private mutating func addAccessor(
        _ name: String, _ part: @escaping @Sendable (CivilTime) -> Int64,
        _ spanPart: (@Sendable (Span) -> Int64)? = nil
    ) {
        let overloads = [overload(.timestamp, to: .int)] + (spanPart == nil ? [] : [overload(.duration, to: .int)])
        unary(name, member: true, overloads) { a, _ throws(EvaluationError) in
            switch a {
            case .timestamp(let time): return .int(part(CivilTime(time, offset: 0)))
            case .duration(let span):
                guard let spanPart else { throw .noSuchOverload(name) }
                return .int(spanPart(span))
            default: throw .noSuchOverload(name)
            }
        }
        binary(name, member: true, [overload(.timestamp, .string, to: .int)]) { a, b, frame throws(EvaluationError) in
            guard case .timestamp(let time) = a, case .string(let zone) = b else { throw .noSuchOverload(name) }
            // A zone that is not known yet is read from a file.
            try frame.charge(100)
            return .int(part(CivilTime(time, offset: try TimeZone.named(zone).offset(at: time.seconds))))
        }
    }
}

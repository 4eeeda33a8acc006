// SPDX-License-Identifier: Apache-2.0

import Glibc
import SwiftProtobuf

/// A time since 1970 as `2006-01-02T15:04:05.000000000Z`.
package func timeText(seconds: Int64, nanoseconds: Int32) -> String {
    Google_Protobuf_Timestamp(seconds: seconds, nanos: nanoseconds).nanosecondText
}

extension Google_Protobuf_Timestamp {
    /// `2006-01-02T15:04:05.000000000Z`
    var nanosecondText: String {
        let parts = utc
        let date = [
            padded(Int(parts.tm_year) + 1900, 4), padded(Int(parts.tm_mon) + 1, 2), padded(Int(parts.tm_mday), 2),
        ]
        return "\(date.joined(separator: "-"))T\(clock(parts)).\(padded(Int(nanos), 9))Z"
    }

    /// `15:04:05.000`, in UTC too.
    var clockText: String {
        "\(clock(utc)).\(padded(Int(nanos / 1_000_000), 3))"
    }

    private var utc: tm {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        return parts
    }

    private func clock(_ parts: tm) -> String {
        [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }.joined(separator: ":")
    }

    private func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension String {
    /// The text with spaces after it, up to a width.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}

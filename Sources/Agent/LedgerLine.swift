// SPDX-License-Identifier: Apache-2.0
import Logging
import Server

extension Ledger {
    /// For the last line of the log: what the sums of all CPUs and of all subscribers are when nothing more comes.
    var metadata: Logger.Metadata {
        func sum<Element>(_ elements: [Element], _ count: KeyPath<Element, UInt64>) -> Logger.MetadataValue {
            "\(elements.reduce(0) { $0 + $1[keyPath: count] })"
        }
        return [
            "records_attempted": sum(cpus, \.attempted), "records_received": sum(cpus, \.received),
            "records_lost": sum(cpus, \.lost), "records_missed": "\(missed)",
            "records_malformed": "\(records.malformed)",
            "events": "\(events.told)",
            "offered": sum(accounts, \.offered), "filtered": sum(accounts, \.filtered),
            "delivered": sum(accounts, \.delivered), "undelivered": sum(accounts, \.lost),
            "left_behind": sum(accounts, \.waiting),
        ]
    }
}

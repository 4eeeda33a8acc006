// SPDX-License-Identifier: Apache-2.0

/// How an argument is compared with a filter's values.
package enum ArgumentOperator: String, Choice {
    case equal = "Equal"
    case notEqual = "NotEqual"
    case prefix = "Prefix"
    case notPrefix = "NotPrefix"
    case postfix = "Postfix"
    case notPostfix = "NotPostfix"
    case greaterThan = "GreaterThan"
    case lessThan = "LessThan"
    case mask = "Mask"
    case sourcePort = "SPort"
    case notSourcePort = "NotSPort"
    case privilegedSourcePort = "SPortPriv"
    case notPrivilegedSourcePort = "NotSportPriv"
    case destinationPort = "DPort"
    case notDestinationPort = "NotDPort"
    case privilegedDestinationPort = "DPortPriv"
    case notPrivilegedDestinationPort = "NotDPortPriv"
    case sourceAddress = "SAddr"
    case notSourceAddress = "NotSAddr"
    case destinationAddress = "DAddr"
    case notDestinationAddress = "NotDAddr"
    case `protocol` = "Protocol"
    case family = "Family"
    case state = "State"
    case inMap = "InMap"
    case notInMap = "NotInMap"
    case inRange = "InRange"
    case notInRange = "NotInRange"
    case subString = "SubString"
    case subStringIgnoringCase = "SubStringIgnCase"

    package var aliases: [String] {
        switch self {
        case .greaterThan: ["GT"]
        case .lessThan: ["LT"]
        // The schema's own spelling is the irregular one.
        case .notPrivilegedSourcePort: ["NotSPortPriv"]
        default: []
        }
    }

    package var since: Since {
        switch self {
        case .inRange, .notInRange, .subString, .subStringIgnoringCase: .later
        default: .first
        }
    }

    package var doc: String {
        switch self {
        case .equal: "It is one of the values."
        case .notEqual: "It is none of the values."
        case .prefix: "It begins with one of the values."
        case .notPrefix: "It begins with none of the values."
        case .postfix: "It ends with one of the values."
        case .notPostfix: "It ends with none of the values."
        case .greaterThan: "It is greater than the value."
        case .lessThan: "It is less than the value."
        case .mask: "It has bits in common with one of the values."
        case .sourcePort: "The source port is one of the values, 80 or 1024:65535."
        case .notSourcePort: "The source port is none of the values."
        case .privilegedSourcePort: "The source port is below 1024. No values."
        case .notPrivilegedSourcePort: "The source port is not below 1024. No values."
        case .destinationPort: "The destination port is one of the values, 80 or 1024:65535."
        case .notDestinationPort: "The destination port is none of the values."
        case .privilegedDestinationPort: "The destination port is below 1024. No values."
        case .notPrivilegedDestinationPort: "The destination port is not below 1024. No values."
        case .sourceAddress: "The source address is one of the values or in their networks: 10.0.0.1, fd00::/8."
        case .notSourceAddress: "The source address is none of the values and in none of their networks."
        case .destinationAddress: "The destination address is one of the values or in their networks."
        case .notDestinationAddress: "The destination address is none of the values and in none of their networks."
        case .protocol: "The protocol is one of the values: IPPROTO_TCP, or its number."
        case .family: "The address family is one of the values: AF_INET, or its number."
        case .state: "The TCP state is one of the values: TCP_LISTEN, or its number."
        case .inMap: "It is one of the values, which may be many: 5, 1:10, list:NAME."
        case .notInMap: "It is none of the values."
        case .inRange: "It is in one of the ranges, 1:10."
        case .notInRange: "It is in none of the ranges."
        case .subString: "One of the values is somewhere in it."
        case .subStringIgnoringCase: "One of the values is somewhere in it, in letters of either case."
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

/// What is done when a selector matches.
package enum Action: Sendable, Equatable {
    case post(Post)
    case noPost
    case sigkill
    case signal(Int32)
    /// The function is not called and seems to have returned this: 0, or mostly an error's number below it.
    case override(Int32)
    /// The agent asks for the URL.
    case getURL(WebAddress)
    /// The agent asks for the name's addresses.
    case dnsLookup(String)
    /// From here on the descriptor in one argument has the name in another.
    case followFD(descriptor: Int, name: Int)
    case unfollowFD(descriptor: Int, name: Int)
    case copyFD(descriptor: Int, name: Int)
    /// From here on the process is known for the socket in the argument.
    case trackSock(Int)
    case untrackSock(Int)
    /// The enforcers of the policy send the signal and override the call, each unless it is 0.
    case notifyEnforcer(error: Int32, signal: Int32)
    case cleanupEnforcerNotification

    /// How an event is posted.
    package struct Post: Sendable, Equatable {
        package var rateLimit: RateLimit?
        package var hasKernelStack = false
        package var hasUserStack = false
        package var hasIMAHash = false

        package init() {}
    }
}

extension Action {
    package var kind: ActionKind {
        switch self {
        case .post: .post
        case .noPost: .noPost
        case .sigkill: .sigkill
        case .signal: .signal
        case .override: .override
        case .getURL: .getURL
        case .dnsLookup: .dnsLookup
        case .followFD: .followFD
        case .unfollowFD: .unfollowFD
        case .copyFD: .copyFD
        case .trackSock: .trackSock
        case .untrackSock: .untrackSock
        case .notifyEnforcer: .notifyEnforcer
        case .cleanupEnforcerNotification: .cleanupEnforcerNotification
        }
    }
}

/// The schema's names for actions.
package enum ActionKind: String, Choice {
    case post = "Post"
    case noPost = "NoPost"
    case sigkill = "Sigkill"
    case signal = "Signal"
    case override = "Override"
    case getURL = "GetUrl"
    case dnsLookup = "DnsLookup"
    case followFD = "FollowFD"
    case unfollowFD = "UnfollowFD"
    case copyFD = "CopyFD"
    case trackSock = "TrackSock"
    case untrackSock = "UntrackSock"
    case notifyEnforcer = "NotifyEnforcer"
    case cleanupEnforcerNotification = "CleanupEnforcerNotification"

    package var doc: String {
        switch self {
        case .post: "Send an event. What is done where no action is given."
        case .noPost: "Send no event."
        case .sigkill: "Kill the process."
        case .signal: "Send the process the signal argSig."
        case .override: "Do not call the function; it seems to have returned argError."
        case .getURL: "Let the agent ask for argUrl, whatever the answer is."
        case .dnsLookup: "Let the agent look up argFqdn."
        case .followFD: "From here on the descriptor argFd has the name argName."
        case .unfollowFD: "Forget the name of the descriptor argFd."
        case .copyFD: "Give the descriptor argName the name of argFd."
        case .trackSock: "From here on this process is known for the socket argSock."
        case .untrackSock: "Forget the process of the socket argSock."
        case .notifyEnforcer: "Let the policy's enforcers send argSig and override the call with argError."
        case .cleanupEnforcerNotification: "Take back what enforcers were told and have not done."
        }
    }

    package static var refusals: [String: String] {
        ["Set": "Set writes into the memory of programs, which this agent never does: it watches, forbids and signals"]
    }

    /// The fields that say more about it.
    fileprivate var fields: Set<String> {
        switch self {
        case .post: ["rateLimit", "rateLimitScope", "kernelStackTrace", "userStackTrace", "imaHash"]
        case .signal: ["argSig"]
        case .override: ["argError"]
        case .getURL: ["argUrl"]
        case .dnsLookup: ["argFqdn"]
        case .followFD, .unfollowFD, .copyFD: ["argFd", "argName"]
        case .trackSock, .untrackSock: ["argSock"]
        case .notifyEnforcer: ["argError", "argSig"]
        case .noPost, .sigkill, .cleanupEnforcerNotification: []
        }
    }
}

/// An action as it is written: everything beside everything.
struct ActionFields: Sendable {
    var action = ActionKind.post
    var error: Int32?
    var signal: Int32?
    var descriptor: Int?
    var name: Int?
    var socket: Int?
    var url: WebAddress?
    var host: String?
    var period: RateLimit.Period?
    var scope: RateLimit.Scope?
    var hasKernelStack = false
    var hasUserStack = false
    var hasIMAHash = false

    static let schema = ObjectSchema(
        "Action", ActionFields(), doc: "What is done when the selector matches.",
        [
            .field("action", \.action, .choice, isRequired: true, "What is done."),
            .optional(
                "argError", \.error, .integer(Int32.min...Int32.max),
                "For Override and NotifyEnforcer: what the call seems to return, an error's number or 0; -1 is EPERM."),
            .optional(
                "argSig", \.signal, .integer(0...64),
                "For Signal and NotifyEnforcer: the signal's number; 9 is SIGKILL."),
            .optional(
                "argFd", \.descriptor, .integer(0...63),
                "For FollowFD, UnfollowFD and CopyFD: which argument is the descriptor."),
            .optional(
                "argName", \.name, .integer(0...63),
                "For FollowFD and UnfollowFD: which argument is the file's name; for CopyFD: which is the new descriptor."
            ),
            .optional(
                "argSock", \.socket, .integer(0...63), "For TrackSock and UntrackSock: which argument is the socket."),
            .optional(
                "argUrl", \.url,
                .parsed("an http:// or https:// URL with a host", 8...2048, pattern: "https?://.+") { WebAddress($0) },
                "For GetUrl: what the agent asks for, where its flag \(OutreachHosts.flag) names the host."),
            .optional(
                "argFqdn", \.host,
                .parsed("a domain name", 1...253, pattern: "[A-Za-z0-9_.-]+") { $0.isDomainName ? $0 : nil },
                "For DnsLookup: the name that the agent looks up, where its flag \(OutreachHosts.flag) has it."),
            .optional(
                "rateLimit", \.period, RateLimit.Period.codec,
                "For Post: for how long the same event is not sent again, in seconds, or with s, m or h behind it."),
            .optional(
                "rateLimitScope", \.scope, .choice,
                "For Post with rateLimit: whose events are the same; thread if it is not given."),
            .field("kernelStackTrace", \.hasKernelStack, .boolean, "For Post: the event has the kernel's stack."),
            .field("userStackTrace", \.hasUserStack, .boolean, "For Post: the event has the process's stack."),
            .field(
                "imaHash", \.hasIMAHash, .boolean,
                "For Post in lsmhooks: the event has the file's hash, as the kernel's integrity measurement knows it."),
        ], rule: check)

    private static func check(_ fields: ActionFields, _ reading: inout Reading) {
        let given = [
            "argError": fields.error != nil, "argSig": fields.signal != nil, "argFd": fields.descriptor != nil,
            "argName": fields.name != nil, "argSock": fields.socket != nil, "argUrl": fields.url != nil,
            "argFqdn": fields.host != nil, "rateLimit": fields.period != nil, "rateLimitScope": fields.scope != nil,
            "kernelStackTrace": fields.hasKernelStack, "userStackTrace": fields.hasUserStack,
            "imaHash": fields.hasIMAHash,
        ]
        let own = fields.action.fields
        for name in schema.shape.fields.map(\.name) where given[name] == true && !own.contains(name) {
            let others = ActionKind.allCases.filter { $0.fields.contains(name) }.map(\.name).joined(separator: ", ")
            switch name {
            case "argSig" where fields.action == .sigkill:
                reading.report(
                    [.field(name)], "Sigkill sends SIGKILL and no other: leave it out, or let action be Signal")
            case "rateLimit", "kernelStackTrace", "userStackTrace":
                reading.report([.field(name)], "\(fields.action.name) does not have it, only \(others)")
            default:
                reading.warn([.field(name)], "it has no effect: \(fields.action.name) does not have it, only \(others)")
            }
        }
        if fields.scope != nil, fields.period == nil, fields.action == .post {
            reading.warn([.field("rateLimitScope")], "it has no effect: there is no rateLimit")
        }
        let needed: String? =
            switch fields.action {
            case .signal where fields.signal ?? 0 == 0: "argSig, from 1 to 64"
            case .getURL where fields.url == nil: "argUrl"
            case .dnsLookup where fields.host == nil: "argFqdn"
            case .notifyEnforcer where (fields.error ?? 0, fields.signal ?? 0) == (0, 0):
                "argError or argSig, other than 0"
            default: nil
            }
        if let needed { reading.report("\(fields.action.name) needs \(needed)", expected: needed) }
    }

    /// nil where ``check`` has found that something is missing.
    var value: Action? {
        switch action {
        case .post:
            var post = Action.Post()
            post.rateLimit = period.map { RateLimit(period: $0, scope: scope ?? .thread) }
            post.hasKernelStack = hasKernelStack
            post.hasUserStack = hasUserStack
            post.hasIMAHash = hasIMAHash
            return .post(post)
        case .noPost: return .noPost
        case .sigkill: return .sigkill
        case .signal: return .signal(signal ?? 0)
        case .override: return .override(error ?? 0)
        case .getURL: return url.map { .getURL($0) }
        case .dnsLookup: return host.map { .dnsLookup($0) }
        case .followFD: return .followFD(descriptor: descriptor ?? 0, name: name ?? 0)
        case .unfollowFD: return .unfollowFD(descriptor: descriptor ?? 0, name: name ?? 0)
        case .copyFD: return .copyFD(descriptor: descriptor ?? 0, name: name ?? 0)
        case .trackSock: return .trackSock(socket ?? 0)
        case .untrackSock: return .untrackSock(socket ?? 0)
        case .notifyEnforcer: return .notifyEnforcer(error: error ?? 0, signal: signal ?? 0)
        case .cleanupEnforcerNotification: return .cleanupEnforcerNotification
        }
    }
}

extension Action {
    static let codec = Codec<ActionFields>.object(ActionFields.schema).converted { fields, _ in fields.value }
}

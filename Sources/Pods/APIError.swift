// SPDX-License-Identifier: Apache-2.0

/// Why the API server gave no pods.
enum APIError: Error, CustomStringConvertible, Equatable {
    /// An HTTP status that is not 200, or a failure in the midst of a watch.
    case refused(code: Int, message: String)
    /// The version to go on from is known no more: only a new list helps.
    case expired
    /// A page of a list.
    case tooLarge(limit: Int)
    case failed(String)

    init(_ status: APIStatus, code: Int) {
        let message = (status.message ?? status.reason ?? "it says no more").prefix(300)
        let code = status.code ?? code
        self = code == 410 ? .expired : .refused(code: code, message: String(message))
    }

    var description: String {
        switch self {
        case .refused(401, let message):
            "401: \(message) (the token or certificate is not, or no longer, valid)"
        case .refused(403, let message):
            "403: \(message) (the account needs get, list and watch of pods: docs/pods.md)"
        case .refused(let code, let message): "\(code): \(message)"
        case .expired: "410: the version to go on from has expired"
        case .tooLarge(let limit): "a page of the list is larger than \(limit >> 20) MiB"
        case .failed(let reason): reason
        }
    }
}

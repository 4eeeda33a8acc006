// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The steps of a registration at which a test may have the agent killed, or with `:stop` behind the name stopped, so
/// that something can happen meanwhile: APUS_FAILPOINT names one. A release build has none.
enum Failpoint: String {
    case requestReceived = "request-received"
    case containerEntered = "container-entered"
    case initArmed = "init-armed"
    case containerRegistered = "container-registered"
    case registrationStored = "registration-stored"

    @inline(__always) func reach() {
        #if DEBUG
            // To this very thread: it goes no step further.
            if Self.chosen == self { raise(Self.isStop ? SIGSTOP : SIGKILL) }
        #endif
    }

    #if DEBUG
        private static let words = Environment.all["APUS_FAILPOINT"]?.split(separator: ":") ?? []
        private static let chosen = words.first.flatMap { Failpoint(rawValue: String($0)) }
        private static let isStop = words.last == "stop"
    #endif
}

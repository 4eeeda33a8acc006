// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The steps of a registration at which a test may have the agent killed: APUS_FAILPOINT names one. A release build has
/// none.
enum Failpoint: String {
    case requestReceived = "request-received"
    case containerEntered = "container-entered"
    case initArmed = "init-armed"
    case containerRegistered = "container-registered"
    case registrationStored = "registration-stored"

    @inline(__always) func reach() {
        #if DEBUG
            if Self.chosen == self { kill(getpid(), SIGKILL) }
        #endif
    }

    #if DEBUG
        private static let chosen = Environment.all["APUS_FAILPOINT"].flatMap(Failpoint.init)
    #endif
}

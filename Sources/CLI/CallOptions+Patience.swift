// SPDX-License-Identifier: Apache-2.0

import GRPCCore

extension CallOptions {
    /// For calls whose answer a user waits for.
    static var brief: CallOptions {
        var options = CallOptions.defaults
        options.timeout = .seconds(5)
        return options
    }

    /// For calls that make the agent work: a policy has to pass the kernel's verifier.
    static var patient: CallOptions {
        var options = CallOptions.defaults
        options.timeout = .seconds(60)
        return options
    }
}

// SPDX-License-Identifier: Apache-2.0
import Policies
import PolicyEngine
import Testing

@Suite struct PolicyPlanTests {
    @Test("places are equal when they name the same")
    func places() {
        #expect(HookPlan.Place.securityHook("file_open") == .securityHook("file_open"))
        #expect(HookPlan.Place.securityHook("file_open") != .securityHook("file_close"))
    }
}

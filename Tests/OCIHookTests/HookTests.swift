// SPDX-License-Identifier: Apache-2.0
import Testing

/// Everything here runs the built hook, one test at a time: many look at the clock.
@Suite(.serialized)
enum HookTests {}

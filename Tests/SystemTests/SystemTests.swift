// SPDX-License-Identifier: Apache-2.0
import Testing

/// The whole system: a real runtime, the real hook, the real agent.
///
/// One after the other: every agent sees the whole machine, and some tests measure time.
@Suite(.serialized) enum SystemTests {}

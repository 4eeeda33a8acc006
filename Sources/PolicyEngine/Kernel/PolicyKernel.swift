// SPDX-License-Identifier: Apache-2.0
package import CRecords
package import Sensors

/// What the manager asks of the kernel.
package protocol PolicyKernel: AnyObject {
    /// Loads the program that a hook needs, and that others need at other places. Nothing is called before
    /// ``PolicyRows/attach()``.
    func load(_ hook: HookPlan, at places: [HookPlan.Place], room: PolicyCapacity) throws -> any PolicyRows
    /// Loads what does at some calls as a policy's hooks have told the number's owner.
    func loadEnforcer(_ plan: EnforcerPlan, number: UInt32) throws -> [any PolicyEnforcing]
    /// Which generation of rows holds, everywhere at once.
    ///
    /// - Parameter handover: where rows that end and rows that begin are in several programs of one place.
    func setGeneration(_ generation: UInt32, _ handover: Handover?) throws
    /// Returns when no call goes by a generation that was before.
    func awaitCalls()
    /// Processes that are there, and those that come, are marked as what they run says.
    func fill(binarySet number: UInt32, with content: BinarySetContent) throws
    /// The number stands for nobody.
    func empty(binarySet number: UInt32, of content: BinarySetContent)

    /// What earlier agents have left, which still holds.
    var leftovers: [PinnedPolicy] { get }
    /// Lets go what they have left of a policy. False if there is nothing.
    func release(_ leftover: PinnedOwner) -> Bool
    /// At the agent's end. False if what is attached has to be detached.
    func leaveEverything() -> Bool
}

/// From which generation, and of each place's number the number of the program that the kernel calls first there.
package struct Handover: Sendable, Equatable {
    package var from: UInt32
    package var first: [UInt32: UInt32]
}

/// A program that acts where another has decided.
package protocol PolicyEnforcing: AnyObject {
    func attach() throws
    func detach()
}

/// A program in the kernel, and what rows in it compare with.
package protocol PolicyRows: ContainerLists {
    func setRow(_ slot: UInt32, _ row: pol_row) throws
    /// Whose row it will be, for agents that come later.
    func setOwner(_ slot: UInt32, _ policy: PolicyKey) throws
    func insert(_ content: SetContent, as set: UInt32) throws
    func remove(_ content: SetContent, as set: UInt32)
    func attach() throws
    /// Nothing of it outlives the agent from now on. Calls may still come until ``PolicyKernel/awaitCalls()`` returns, and
    /// only then it may be detached.
    func retire()
    /// Calls that still come find rows that hold no more, and harm nothing.
    func detach()
    /// Bytes, of it and of its maps.
    var kernelMemory: UInt64 { get }

    // Called by whichever thread asks.

    /// What became of the hits of each of a row's selectors, by enum pol_count; empty where that cannot be read.
    func counts(of slot: UInt32) -> [[UInt64]]
    func clearCounts(of slot: UInt32) throws
    /// Not while it is attached or detached.
    var misses: PolicyMisses { get }
}

/// Which rows of a program apply to whom. Called from whichever thread has the scopes' lock.
package protocol ContainerLists: AnyObject, Sendable {
    /// - Parameters:
    ///   - rows: slots; nil: nothing is said of it.
    ///   - cgroup: a container's, or 0 for whoever is in none.
    func setList(_ rows: [UInt32]?, of cgroup: UInt64) throws
}

/// Why a policy cannot be loaded, beyond what its text and the planner say.
package struct PolicyLoadError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

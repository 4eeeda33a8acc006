// SPDX-License-Identifier: Apache-2.0
package import Sensors

/// What the planner asks of the kernel that the policy is for.
package protocol KernelSurvey: Sendable {
    func has(_ feature: KernelFeature.Name) -> Bool
    /// Why it has not.
    func absence(of feature: KernelFeature.Name) -> String
    /// Whether probes can be put on a function of this name.
    func hasFunction(_ name: String) -> Bool
    /// What the kernel's types say of a function; nil where they say nothing.
    func prototype(of function: String) -> FunctionPrototype?
    /// The way to a field, by its name and those of the fields that lead there.
    /// - Parameter index: the argument that it begins at; nil: what is returned.
    func path(
        _ names: [String], from index: Int?, of passer: KernelTypes.Passer
    ) throws(FieldPathError) -> FieldPath
    /// Functions that a generated list may name.
    func functions(where isWanted: (String) -> Bool) -> [String]
    /// A hook for security modules, by its name (`file_open`).
    func hasSecurityHook(_ name: String) -> Bool
    /// How many values a raw tracepoint passes; nil where there is none of that name.
    func rawTracepointValues(_ name: String) -> Int?
    /// What a tracepoint's record has, in the order of its format, the fields that all have among them.
    func tracepointFormat(subsystem: String, event: String) -> [TracepointField]?
    /// A system call's number; nil where this machine has none of that name.
    func systemCall(_ name: String, is32Bit: Bool) -> UInt32?
    /// All of the machine's own system calls.
    var systemCalls: [String] { get }
    /// `__x64_`, `__arm64_`: what stands before sys_ in the names of their functions.
    var systemCallPrefix: String { get }
    /// A probe that a program or library brings.
    func userProbe(_ name: String, of provider: String, in path: String) throws(UserProbeError) -> UserProbe
    /// The inode number of a namespace of the host (`net`), for host_ns; nil where it cannot be read.
    func hostNamespace(_ name: String) -> UInt32?
}

/// What a function takes and whether it returns anything.
package struct FunctionPrototype: Sendable, Equatable {
    package var parameters: Int
    package var returnsValue: Bool

    package init(parameters: Int, returnsValue: Bool) {
        self.parameters = parameters
        self.returnsValue = returnsValue
    }
}

// SPDX-License-Identifier: Apache-2.0
internal import CRecords

/// The API's words for how a process was seen, in the order that its users know.
struct ProcessFlags: OptionSet, Hashable {
    let rawValue: UInt32

    static let execve = ProcessFlags(rawValue: 1 << 0)
    /// Found in /proc and by the task iterator: it was there before the agent.
    static let procFS = ProcessFlags(rawValue: 1 << 1)
    static let truncatedArguments = ProcessFlags(rawValue: 1 << 2)
    /// The parent is not known.
    static let miss = ProcessFlags(rawValue: 1 << 3)
    static let filenameError = ProcessFlags(rawValue: 1 << 4)
    static let argumentsError = ProcessFlags(rawValue: 1 << 5)
    static let noCwd = ProcessFlags(rawValue: 1 << 6)
    static let rootCwd = ProcessFlags(rawValue: 1 << 7)
    static let cwdError = ProcessFlags(rawValue: 1 << 8)
    /// The first image since the fork.
    static let clone = ProcessFlags(rawValue: 1 << 9)
    /// The arguments came in more than one record.
    static let dataArguments = ProcessFlags(rawValue: 1 << 10)
    static let inInitTree = ProcessFlags(rawValue: 1 << 11)
    /// An exit of a process that the agent never saw.
    static let unknown = ProcessFlags(rawValue: 1 << 12)
    static let truncatedEnvironment = ProcessFlags(rawValue: 1 << 13)
    static let environmentError = ProcessFlags(rawValue: 1 << 14)

    private static let words: [(ProcessFlags, String)] = [
        (.execve, "execve"), (.procFS, "procFS"), (.environmentError, "errorEnvs"),
        (.truncatedArguments, "truncArgs"), (.truncatedEnvironment, "truncEnvs"), (.miss, "miss"),
        (.filenameError, "errorFilename"), (.argumentsError, "errorArgs"), (.noCwd, "nocwd"), (.rootCwd, "rootcwd"),
        (.cwdError, "errorCWD"), (.clone, "clone"), (.dataArguments, "dataArgs"), (.inInitTree, "inInitTree"),
        (.unknown, "unknown"),
    ]

    var text: String { Self.words.filter { contains($0.0) }.map(\.1).joined(separator: " ") }

    /// What the kernel's flags of an exec or of a found task say.
    init(kernel: UInt32) {
        self = []
        func add(_ bit: rec_flag, _ flag: ProcessFlags) {
            if kernel & bit.rawValue != 0 { insert(flag) }
        }
        add(REC_FLAG_ARGS_TRUNCATED, .truncatedArguments)
        add(REC_FLAG_ARGS_UNREADABLE, .argumentsError)
        add(REC_FLAG_ENV_TRUNCATED, .truncatedEnvironment)
        add(REC_FLAG_ENV_UNREADABLE, .environmentError)
        add(REC_FLAG_FILENAME_ERROR, .filenameError)
        add(REC_FLAG_CWD_ERROR, .cwdError)
        add(REC_FLAG_CWD_TRUNCATED, .cwdError)
        add(REC_FLAG_CWD_IS_ROOT, .rootCwd)
        add(REC_FLAG_IN_TREE, .inInitTree)
    }

    init(rawValue: UInt32) { self.rawValue = rawValue }
}

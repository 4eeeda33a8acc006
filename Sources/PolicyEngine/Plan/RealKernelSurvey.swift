// SPDX-License-Identifier: Apache-2.0
internal import CSeccomp
internal import Glibc
package import Sensors
internal import Synchronization

/// The kernel that runs. What takes long to read is read when it is first asked for.
package final class RealKernelSurvey: KernelSurvey {
    private let features: KernelFeatures
    private let types: KernelTypes?
    /// `/proc`, where it is another's.
    private let procfs: String
    private let known = Mutex(Known())

    private struct Known {
        var functions: KernelFunctions?
        var systemCalls: [String]?
    }

    /// - Parameters:
    ///   - types: nil where the kernel has no type information: then less is known of functions.
    ///   - procfs: Its process 1 is in the host's namespaces.
    package init(_ features: KernelFeatures, types: KernelTypes?, procfs: String = "/proc") {
        self.features = features
        self.types = types
        self.procfs = procfs
    }

    package func has(_ feature: KernelFeature.Name) -> Bool { features.has(feature) }

    package func absence(of feature: KernelFeature.Name) -> String {
        features.all.first { $0.name == feature && !$0.isPresent }?.reason ?? ""
    }

    // MARK: Places

    package func hasFunction(_ name: String) -> Bool { functions.contains(name) }

    package func functions(where isWanted: (String) -> Bool) -> [String] {
        // More than a policy may have, so that it is told how many there are.
        functions.all(atMost: 1 << 20, where: isWanted)
    }

    package func prototype(of function: String) -> FunctionPrototype? {
        types?.signature(of: function).map {
            FunctionPrototype(parameters: $0.parameters, returnsValue: $0.returnsValue)
        }
    }

    package func path(
        _ names: [String], from index: Int?, of passer: KernelTypes.Passer
    ) throws(FieldPathError) -> FieldPath {
        guard let types else { throw FieldPathError("the kernel has no type information") }
        return try types.path(names, from: index, of: passer)
    }

    package func hasSecurityHook(_ name: String) -> Bool { types?.signature(of: "bpf_lsm_" + name) != nil }

    package func rawTracepointValues(_ name: String) -> Int? { types?.rawTracepointValues(name) }

    package func tracepointFormat(subsystem: String, event: String) -> [TracepointField]? {
        TracepointField.fields(subsystem: subsystem, event: event)
    }

    package func userProbe(
        _ name: String, of provider: String, in path: String
    ) throws(UserProbeError) -> UserProbe {
        try UserSymbols.probe(name, of: provider, in: path)
    }

    private var functions: KernelFunctions {
        known.withLock { known in
            let functions = known.functions ?? KernelFunctions()
            known.functions = functions
            return functions
        }
    }

    // MARK: System calls

    #if arch(x86_64)
        package let systemCallPrefix = "__x64_"
        private static let native = apus_arch_x86_64
        private static let compat = apus_arch_x86
    #else
        package let systemCallPrefix = "__arm64_"
        private static let native = apus_arch_aarch64
        private static let compat = apus_arch_arm
    #endif

    package func systemCall(_ name: String, is32Bit: Bool) -> UInt32? {
        // Names that other machines have give negative numbers.
        let number = seccomp_syscall_resolve_name_arch(is32Bit ? Self.compat : Self.native, name)
        return number >= 0 ? UInt32(number) : nil
    }

    package var systemCalls: [String] {
        known.withLock { known in
            let calls = known.systemCalls ?? Self.allSystemCalls()
            known.systemCalls = calls
            return calls
        }
    }

    private static func allSystemCalls() -> [String] {
        (0..<Int32(1024)).compactMap { number in
            guard let name = seccomp_syscall_resolve_num_arch(native, number) else { return nil }
            defer { free(name) }
            return String(cString: name)
        }
    }

    // MARK: The host

    package func hostNamespace(_ name: String) -> UInt32? {
        var status = stat()
        // The number that `readlink` shows between brackets.
        guard !name.utf8.contains(0x2f) else { return nil }
        // Where process 1 is out of reach, as in a sandbox, the agent itself is the next best to ask.
        guard ["1", "self"].contains(where: { stat("\(procfs)/\($0)/ns/\(name)", &status) == 0 }) else { return nil }
        return UInt32(truncatingIfNeeded: status.st_ino)
    }
}

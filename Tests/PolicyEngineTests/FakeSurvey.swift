// SPDX-License-Identifier: Apache-2.0
import PolicyEngine
import Sensors

/// A kernel of our making.
struct FakeSurvey: KernelSurvey {
    var features: Set<KernelFeature.Name>
    /// nil: whatever is asked for is there.
    var functionNames: Set<String>?
    var securityHooks: Set<String>?
    var prototypes: [String: FunctionPrototype] = [:]
    var rawTracepoints: [String: Int]?
    var formats: [String: [TracepointField]] = [
        "sched/sched_process_exec": [
            .init(name: "common_type", offset: 0, size: 2, isSigned: false, kind: .number),
            .init(name: "common_flags", offset: 2, size: 1, isSigned: false, kind: .number),
            .init(name: "common_preempt_count", offset: 3, size: 1, isSigned: false, kind: .number),
            .init(name: "common_pid", offset: 4, size: 4, isSigned: true, kind: .number),
            .init(name: "filename", offset: 8, size: 4, isSigned: false, kind: .dataLocation),
            .init(name: "pid", offset: 12, size: 4, isSigned: true, kind: .number),
            .init(name: "old_pid", offset: 16, size: 4, isSigned: true, kind: .number),
        ]
    ]
    /// At two places, the second of which is asked for whether somebody watches.
    var probes = [
        UserProbe(
            path: "/bin/a", provider: "p", name: "probe", file: .init(device: 1, inode: 2),
            locations: [
                .init(
                    offset: 0x1139,
                    arguments: ProbeArgument.arguments(of: "-4@%edi 8@%rsi 8@-24(%rbp) 8f@%xmm0".utf8, on: .x86_64)),
                .init(
                    offset: 0x1200, semaphore: 0x4010,
                    arguments: ProbeArgument.arguments(of: "-4@$17 8@(%rax,%rcx,4) 8@%rdx 8f@%xmm1".utf8, on: .x86_64)),
            ])
    ]
    var calls: [String: UInt32] = [
        "read": 0, "write": 1, "open": 2, "stat": 4, "dup": 32, "connect": 42, "fork": 57, "execve": 59, "kill": 62,
        "uname": 63, "unlink": 87, "symlinkat": 266, "umount2": 166, "openat": 257, "setns": 308, "bpf": 321,
    ]
    var compatCalls: [String: UInt32] = ["read": 3, "write": 4, "open": 5, "dup": 41, "openat": 295]
    var namespaces: [String: UInt32] = [
        "net": 4_026_531_840, "mnt": 4_026_531_841, "pid": 4_026_531_836, "user": 4_026_531_837,
    ]

    /// What Debian's 6.12 has.
    static let full = FakeSurvey(
        features: [
            .btf, .ringBuffer, .taskStorage, .tpBTF, .taskIterator, .bpfLoop, .rawTracepoint, .tracepoint, .kprobe,
            .kprobeMulti, .uprobe, .uprobeMulti, .fentry, .fexit, .lsm, .lsmActive, .modifySecurity, .sendSignal,
            .mappedFiles,
        ])

    /// Neither kprobes nor trampolines nor LSM programs.
    static let bare = FakeSurvey(
        features: [
            .btf, .ringBuffer, .taskStorage, .tpBTF, .taskIterator, .bpfLoop, .rawTracepoint, .tracepoint, .uprobe,
            .sendSignal, .mappedFiles,
        ])

    func with(_ more: KernelFeature.Name...) -> FakeSurvey {
        var survey = self
        survey.features.formUnion(more)
        return survey
    }

    func without(_ less: KernelFeature.Name...) -> FakeSurvey {
        var survey = self
        survey.features.subtract(less)
        return survey
    }

    func has(_ feature: KernelFeature.Name) -> Bool { features.contains(feature) }
    func absence(of feature: KernelFeature.Name) -> String { "no \(feature.rawValue)" }
    func hasFunction(_ name: String) -> Bool { functionNames.map { $0.contains(name) } ?? true }
    func functions(where isWanted: (String) -> Bool) -> [String] { (functionNames ?? []).sorted().filter(isWanted) }
    func prototype(of function: String) -> FunctionPrototype? { prototypes[function] }
    /// As the kernel has it that runs, whose types are real.
    func path(
        _ names: [String], from index: Int?, of passer: KernelTypes.Passer
    ) throws(FieldPathError) -> FieldPath {
        guard let types = Self.types else { throw FieldPathError("the kernel has no type information") }
        return try types.path(names, from: index, of: passer)
    }
    private static let types = try? KernelTypes()

    func hasSecurityHook(_ name: String) -> Bool { securityHooks.map { $0.contains(name) } ?? true }
    func rawTracepointValues(_ name: String) -> Int? { rawTracepoints == nil ? 6 : rawTracepoints?[name] }
    func tracepointFormat(subsystem: String, event: String) -> [TracepointField]? { formats["\(subsystem)/\(event)"] }
    func userProbe(_ name: String, of provider: String, in path: String) throws(UserProbeError) -> UserProbe {
        guard let probe = probes.first(where: { ($0.path, $0.provider, $0.name) == (path, provider, name) }) else {
            throw UserProbeError(.name, "\(path) has no probe \(provider):\(name)")
        }
        return probe
    }
    func systemCall(_ name: String, is32Bit: Bool) -> UInt32? { is32Bit ? compatCalls[name] : calls[name] }
    var systemCalls: [String] { calls.sorted { $0.value < $1.value }.map(\.key) }
    var systemCallPrefix: String { "__x64_" }
    func hostNamespace(_ name: String) -> UInt32? { namespaces[name] }
}

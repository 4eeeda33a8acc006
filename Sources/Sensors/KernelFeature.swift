// SPDX-License-Identifier: Apache-2.0

/// Something that a kernel has or has not, or has and does not let us use.
///
/// Decisions are made on these, never on version numbers: distributions carry features back, configurations and
/// lockdown take them away.
package struct KernelFeature: Sendable, Equatable {
    package let name: Name
    package let isPresent: Bool
    /// Why it is missing: what was tried, and the kernel's answer. More about it where it is present, or empty.
    package let reason: String

    /// What is looked for. The raw values are part of the API: clients and tests know features by them.
    package enum Name: String, CaseIterable, Sendable {
        case btf
        case ringBuffer = "ring-buffer"
        case taskStorage = "task-storage"
        case tpBTF = "tp-btf"
        case taskIterator = "task-iterator"
        case bpfLoop = "bpf-loop"
        case preparedExec = "sched-prepare-exec"
        case exitGroupDead = "exit-group-dead"
        case rawTracepoint = "raw-tracepoint"
        case tracepoint
        case kprobe
        case kprobeMulti = "kprobe-multi"
        case uprobe
        case uprobeMulti = "uprobe-multi"
        case fentry
        case fexit
        case lsm
        case lsmActive = "lsm-active"
        case modifySecurity = "fmod-ret-security"
        case modifySyscall = "fmod-ret-syscall"
        case overrideReturn = "override-return"
        case sendSignal = "send-signal"
        case ringBufferDynptr = "ring-buffer-dynptr"
        case mappedFiles = "mapped-files"
    }
}

extension KernelFeature.Name {
    /// What cannot be done where it is missing, and what is done instead.
    package var without: String {
        switch self {
        case .btf: "no sensors at all: the kernel's structures cannot be read"
        case .ringBuffer: "no sensors at all: no record reaches the agent"
        case .taskStorage: "no sensors at all: which processes are in a container's own tree cannot be kept"
        case .tpBTF: "no sensors at all: fork, exec and exit are not seen"
        case .taskIterator: "no sensors at all: processes older than the agent cannot be found"
        case .bpfLoop: "no sensors at all: paths cannot be walked"
        case .preparedExec: "gains of privilege by an exec are seen through a kprobe, or not at all without kprobes"
        case .exitGroupDead: "nothing is lost: several threads may report one exit, and the agent makes it one"
        case .rawTracepoint: "no policies on syscalls where there are no kprobes either"
        case .tracepoint: "no policies on tracepoints"
        case .kprobe: "no policies on kernel functions; syscalls can be watched through raw tracepoints"
        case .kprobeMulti: "a policy on many kernel functions is attached one by one, which is slow"
        case .uprobe: "no policies on functions of programs and libraries"
        case .uprobeMulti: "a policy on many functions of a program is attached one by one, which is slow"
        case .fentry, .fexit: "kernel functions are watched through kprobes, which cost more, or not at all"
        case .lsm: "no policies on LSM hooks, and so none that denies an operation there"
        case .lsmActive: "LSM programs load and are never called; the boot parameter lsm= must name bpf"
        case .modifySecurity: "no operation is denied at a security hook other than by LSM programs"
        case .modifySyscall: "no syscall is made to fail through fmod_ret"
        case .overrideReturn: "no kernel function is made to return an error instead of running"
        case .sendSignal: "no process is signalled or killed from the kernel, at the event itself"
        case .ringBufferDynptr: "nothing is lost: records are built in scratch memory and copied"
        case .mappedFiles: "no policies with loader: which programs and libraries are mapped to be run is not seen"
        }
    }
}

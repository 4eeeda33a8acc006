// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// One trial a feature.
final class FeatureTrial {
    private var types: KernelTypes?
    /// Why there are none.
    private var typesError = ""

    init(_ types: KernelTypes?) {
        do throws(SensorError) {
            if let types { self.types = types } else { self.types = try KernelTypes() }
        } catch {
            typesError = error.description
        }
    }

    /// Called at every open of a file, so every kernel has it; an LSM hook.
    private static let securityHook = "security_file_open"
    private static let lsmHook = "bpf_lsm_file_open"
    #if arch(x86_64)
        private static let syscall = "__x64_sys_symlinkat"
    #else
        private static let syscall = "__arm64_sys_symlinkat"
    #endif

    /// Returns if the feature is there, with what there is to say about it.
    func find(_ name: KernelFeature.Name) throws(Absence) -> String {
        switch name {
        case .btf: _ = try typeID("task_struct", apus_btf_kind_struct)
        case .ringBuffer: try TinyMap.createRing()
        case .taskStorage: try TinyMap.createTaskStorage()
        case .tpBTF: try traced("btf_trace_sched_process_exec", apus_btf_kind_typedef, BPF_TRACE_RAW_TP)
        case .taskIterator: try traced("bpf_iter_task", apus_btf_kind_func, BPF_TRACE_ITER)
        case .bpfLoop: try helper(BPF_FUNC_loop, "bpf_loop")
        case .preparedExec: _ = try typeID("btf_trace_sched_prepare_exec", apus_btf_kind_typedef)
        case .exitGroupDead: try exitNamesLastThread()
        case .rawTracepoint: _ = try TinyProgram(BPF_PROG_TYPE_RAW_TRACEPOINT, "for a raw tracepoint")
        case .tracepoint: try PerfEvent.tracepoint("sched", "sched_process_exec")
        case .kprobe: try PerfEvent.kprobe()
        case .kprobeMulti: try MultiLink.tryKprobe()
        case .uprobe: try PerfEvent.uprobe()
        case .uprobeMulti: try MultiLink.tryUprobe()
        case .fentry: try traced(Self.securityHook, apus_btf_kind_func, BPF_TRACE_FENTRY)
        case .fexit: try traced(Self.securityHook, apus_btf_kind_func, BPF_TRACE_FEXIT)
        case .lsm: try traced(Self.lsmHook, apus_btf_kind_func, BPF_LSM_MAC, type: BPF_PROG_TYPE_LSM)
        case .lsmActive: return try activeLSMs()
        case .modifySecurity: try traced(Self.securityHook, apus_btf_kind_func, BPF_MODIFY_RETURN)
        case .modifySyscall: try traced(Self.syscall, apus_btf_kind_func, BPF_MODIFY_RETURN)
        case .overrideReturn: try overrideReturn()
        case .sendSignal: try sendSignal()
        case .ringBufferDynptr: try helper(BPF_FUNC_ringbuf_reserve_dynptr, "bpf_ringbuf_reserve_dynptr")
        case .mappedFiles: try PerfEvent.mappedFiles()
        }
        return ""
    }

    private func typeID(_ name: String, _ kind: UInt32) throws(Absence) -> UInt32 {
        if types == nil { throw Absence(typesError) }
        guard let id = types?.id(name, kind) else { throw Absence("the kernel's type information has no \(name)") }
        return id
    }

    private func traced(
        _ name: String, _ kind: UInt32, _ attachment: bpf_attach_type,
        type: bpf_prog_type = BPF_PROG_TYPE_TRACING
    ) throws(Absence) {
        _ = try TinyProgram(type, attachment: attachment, to: try typeID(name, kind), "for \(name)")
    }

    private func exitNamesLastThread() throws(Absence) {
        if types == nil { throw Absence(typesError) }
        guard types?.tracepointArguments("sched_process_exit") == 2 else {
            throw Absence("the tracepoint sched_process_exit does not say which thread is the last")
        }
    }

    private func overrideReturn() throws(Absence) {
        _ = try TinyProgram(BPF_PROG_TYPE_KPROBE, calling: .overrideReturn, "that calls bpf_override_return")
    }

    private func sendSignal() throws(Absence) {
        _ = try TinyProgram(BPF_PROG_TYPE_RAW_TRACEPOINT, calling: .sendSignal, "that calls bpf_send_signal")
    }

    /// For helpers whose arguments no tiny program has; those that some types of programs lack are not among them.
    private func helper(_ helper: bpf_func_id, _ name: String) throws(Absence) {
        let answer = libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, helper, nil)
        if answer < 0 { throw Absence("load a program that calls \(name)", errno: answer) }
        if answer == 0 { throw Absence("the verifier does not know the helper \(name)") }
    }

    /// The security modules in the order in which the kernel asks them.
    private func activeLSMs() throws(Absence) -> String {
        let path = "/sys/kernel/security/lsm"
        guard let list = smallFile(path) else { throw Absence("read \(path)", errno: errno) }
        guard list.split(separator: ",").contains("bpf") else { throw Absence("the active modules are \(list)") }
        return "the active modules are \(list)"
    }
}

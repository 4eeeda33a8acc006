// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// Questions to the running kernel's type information. Reading it takes tens of milliseconds: once, at start, for all who
/// ask. Nothing changes it, so that any thread may.
package final class KernelTypes: @unchecked Sendable {
    let btf: OpaquePointer

    package init() throws(SensorError) {
        guard let btf = btf__load_vmlinux_btf() else {
            throw SensorError("read", "the kernel's type information (/sys/kernel/btf/vmlinux)")
        }
        self.btf = btf
    }

    deinit { btf__free(btf) }

    /// The number of a type or function (`apus_btf_kind_…`), by which programs name what they are attached to.
    func id(_ name: String, _ kind: UInt32) -> UInt32? {
        let id = btf__find_by_name_kind(btf, name, kind)
        return id > 0 ? UInt32(id) : nil
    }

    /// How many arguments a tracepoint hands to its programs; nil if the kernel has no such tracepoint.
    func tracepointArguments(_ name: String) -> Int? {
        let typedef = btf__find_by_name_kind(btf, "btf_trace_" + name, apus_btf_kind_typedef)
        guard typedef > 0,
            let pointer = btf__type_by_id(btf, apus_btf_referred(btf__type_by_id(btf, UInt32(typedef)))),
            let function = btf__type_by_id(btf, apus_btf_referred(pointer))
        else { return nil }
        // The first parameter is the tracepoint's own.
        return Int(apus_btf_members(function)) - 1
    }

    /// How many values a function takes and whether it returns any; nil if the kernel's types say nothing of it.
    package func signature(of function: String) -> (parameters: Int, returnsValue: Bool)? {
        let id = btf__find_by_name_kind(btf, function, apus_btf_kind_func)
        guard id > 0, let type = btf__type_by_id(btf, UInt32(id)),
            let prototype = btf__type_by_id(btf, apus_btf_referred(type)),
            Int(apus_btf_kind(prototype)) == BTF_KIND_FUNC_PROTO
        else { return nil }
        return (Int(apus_btf_members(prototype)), apus_btf_referred(prototype) != 0)
    }

    /// How many values a raw tracepoint passes; nil if the kernel has no such tracepoint.
    package func rawTracepointValues(_ name: String) -> Int? { tracepointArguments(name) }

    /// The index of a cgroup v1 controller (`pids`, `memory`, ...) in this kernel, as the programs need it.
    package func cgroupSubsystem(_ name: String) -> Int32? {
        let id = btf__find_by_name_kind(btf, "cgroup_subsys_id", apus_btf_kind_enum)
        guard id > 0, let type = btf__type_by_id(btf, UInt32(id)), let first = apus_btf_enumerators(type) else {
            return nil
        }
        for index in 0..<Int(apus_btf_members(type)) {
            let enumerator = first[index]
            if let label = btf__name_by_offset(btf, enumerator.name_off), strcmp(label, name + "_cgrp_id") == 0 {
                return enumerator.val
            }
        }
        return nil
    }
}

// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// Maps of one page, created and dropped.
enum TinyMap {
    static func createRing() throws(Absence) {
        let map = bpf_map_create(
            BPF_MAP_TYPE_RINGBUF, "apus_probe", 0, 0, UInt32(sysconf(Int32(_SC_PAGESIZE))), nil)
        guard map >= 0 else { throw Absence("create a ring buffer", errno: errno) }
        close(map)
    }

    /// Such a map must name the types of its keys and values.
    static func createTaskStorage() throws(Absence) {
        let types = btf__new_empty()
        defer { btf__free(types) }
        let integer = btf__add_int(types, "int", 4, Int32(BTF_INT_SIGNED))
        guard integer > 0, btf__load_into_kernel(types) == 0 else {
            throw Absence("load the types of a map", errno: errno)
        }
        var options = bpf_map_create_opts()
        options.sz = optionsSize(through: \bpf_map_create_opts.map_ifindex)
        options.map_flags = UInt32(BPF_F_NO_PREALLOC)
        options.btf_fd = UInt32(btf__fd(types))
        options.btf_key_type_id = UInt32(integer)
        options.btf_value_type_id = UInt32(integer)
        let map = bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "apus_probe", 4, 4, 0, &options)
        guard map >= 0 else { throw Absence("create a task storage", errno: errno) }
        close(map)
    }
}

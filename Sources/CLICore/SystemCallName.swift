// SPDX-License-Identifier: Apache-2.0
internal import CSeccomp
internal import Glibc
internal import TetragonAPI

extension Tetragon_SyscallId {
    /// Its name in its ABI, or its number; of another ABI than the usual one with that: `i386/execve`.
    var shortText: String {
        let known: [(name: String, architecture: UInt32)] = [
            ("x64", apus_arch_x86_64), ("i386", apus_arch_x86), ("arm64", apus_arch_aarch64), ("arm32", apus_arch_arm),
        ]
        guard let table = known.first(where: { $0.name == abi }), let number = Int32(exactly: id),
            let name = seccomp_syscall_resolve_num_arch(table.architecture, number)
        else { return "\(id)" }
        defer { free(name) }
        return (abi.hasSuffix("64") ? "" : abi + "/") + String(cString: name)
    }
}

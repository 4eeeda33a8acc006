// SPDX-License-Identifier: Apache-2.0
import CSeccomp
import Glibc

/// A system call, by its name in one of the kernel's ABIs.
package struct SystemCall: Sendable, Hashable, CustomStringConvertible {
    package enum ABI: UInt8, Sendable {
        case native
        /// The 32-bit one of the same machine, which 64-bit programs may use as well (`int 0x80`).
        case compat
    }

    /// As system call tables have it (`openat`), not the kernel's function.
    package let name: String
    package let abi: ABI

    package init(_ name: String, abi: ABI = .native) {
        self.name = name
        self.abi = abi
    }

    package var description: String { abi == .native ? name : "\(name) (32 bits)" }

    #if arch(x86_64)
        private static let architectures = (native: apus_arch_x86_64, compat: apus_arch_x86)
        private static let prefixes = (native: ["__x64_sys_"], compat: ["__ia32_compat_sys_", "__ia32_sys_"])
    #else
        private static let architectures = (native: apus_arch_aarch64, compat: apus_arch_arm)
        private static let prefixes = (native: ["__arm64_sys_"], compat: ["__arm64_compat_sys_", "__arm64_sys_"])
    #endif

    /// nil where that ABI has no such call.
    package var number: UInt32? {
        let architecture = abi == .native ? Self.architectures.native : Self.architectures.compat
        let number = seccomp_syscall_resolve_name_arch(architecture, name)
        return number >= 0 ? UInt32(number) : nil
    }

    /// What the kernel's function for it may be called, the likeliest first.
    var functions: [String] {
        let prefixes = abi == .native ? Self.prefixes.native : Self.prefixes.compat
        let stem = Self.stems[name] ?? name
        return prefixes.map { $0 + stem }
    }

    /// The calls whose functions have other names than their numbers have.
    private static let stems = [
        "stat": "newstat", "lstat": "newlstat", "fstat": "newfstat", "uname": "newuname", "umount2": "umount",
        "sendfile": "sendfile64",
    ]

    /// The call that a kernel function such as `sys_newfstat` or `__x64_sys_umount` is of.
    package static func name(ofFunction function: String) -> String {
        let all = prefixes.native + prefixes.compat + ["sys_"]
        guard let prefix = all.first(where: function.hasPrefix) else { return function }
        let stem = String(function.dropFirst(prefix.count))
        return stems.first { $0.value == stem }?.key ?? stem
    }
}

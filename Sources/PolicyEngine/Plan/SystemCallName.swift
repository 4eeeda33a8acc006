// SPDX-License-Identifier: Apache-2.0

/// A system call as policies name it.
struct SystemCallName: Hashable {
    /// `openat`
    var name: String
    var is32Bit = false

    /// `sys_openat`, `__x64_sys_openat`, and of the 32-bit ABI `abi32/sys_openat`, `__ia32_compat_sys_openat`.
    init?(_ text: String) {
        var rest = text[...]
        if rest.hasPrefix("abi32/") {
            is32Bit = true
            rest = rest.dropFirst(6)
        }
        for (prefix, isOf32) in [
            ("__x64_sys_", false), ("__arm64_sys_", false), ("__ia32_compat_sys_", true), ("__ia32_sys_", true),
            ("__arm64_compat_sys_", true), ("sys_", false),
        ] where rest.hasPrefix(prefix) {
            name = String(rest.dropFirst(prefix.count))
            is32Bit = is32Bit || isOf32
            if !name.isEmpty { return }
            return nil
        }
        return nil
    }

    init(name: String, is32Bit: Bool = false) {
        self.name = name
        self.is32Bit = is32Bit
    }

    /// Functions that are not called as their system calls are (arch/x86/entry/syscalls).
    private static let functions = [
        "stat": "newstat", "fstat": "newfstat", "lstat": "newlstat", "uname": "newuname", "umount2": "umount",
        "sendfile": "sendfile64",
    ]

    /// What the kernel's function may be called, the likeliest first.
    func functions(prefix: String) -> [String] {
        let names = [Self.functions[name], name].compactMap { $0 }
        if !is32Bit { return names.map { "\(prefix)sys_\($0)" } }
        let prefixes =
            prefix == "__arm64_" ? ["__arm64_compat_sys_"] : ["__ia32_compat_sys_", "__ia32_sys_"]
        return prefixes.flatMap { prefix in names.map { prefix + $0 } }
    }

    /// What tables of numbers may call it.
    var calls: [String] { [Self.functions.first { $0.value == name }?.key, name].compactMap { $0 } }

    /// As events call it: by its function.
    func displayed(prefix: String) -> String {
        guard is32Bit else { return "\(prefix)sys_\(name)" }
        return (prefix == "__arm64_" ? "__arm64_compat_sys_" : "__ia32_sys_") + name
    }

    /// As people write it.
    var text: String { (is32Bit ? "abi32/" : "") + "sys_" + name }
}

extension KernelSurvey {
    func number(of call: SystemCallName) -> UInt32? { numbered(call)?.number }

    /// A call with its number, by the name that the table has for it: `umount2` where a policy says sys_umount.
    func numbered(_ call: SystemCallName) -> HookPlan.SystemCall? {
        call.calls.lazy.compactMap { name in
            systemCall(name, is32Bit: call.is32Bit).map { .init(name: name, number: $0, is32Bit: call.is32Bit) }
        }.first
    }
}

// SPDX-License-Identifier: Apache-2.0
package import Policies

/// Which hook of a policy's text something is of: of `spec.kprobes[1]` the second of kprobes.
package struct HookOrigin: Sendable, Hashable, CustomStringConvertible {
    /// The list of the policy's spec: `kprobes`.
    package var section: String
    /// In that list, from 0.
    package var index: Int

    package init(section: String, index: Int) {
        self.section = section
        self.index = index
    }

    /// Of something in a hook, or of the hook itself: `spec.kprobes[1].selectors[0].matchArgs[2]`. nil for what is in
    /// none.
    init?(path: String) {
        let parts = path.split(separator: ".", maxSplits: 2)
        guard parts.count > 1, parts[0] == "spec", let bracket = parts[1].firstIndex(of: "["), parts[1].last == "]",
            let index = Int(parts[1][bracket...].dropFirst().dropLast())
        else { return nil }
        self.init(section: String(parts[1][..<bracket]), index: index)
    }

    package var description: String { "\(section)[\(index)]" }

    /// Of hooks that no policy's text has.
    package static let none = HookOrigin(section: "", index: 0)
}

/// A hook as a policy's text has it, whatever becomes of it.
package struct DeclaredHook: Sendable, Equatable {
    package var origin: HookOrigin
    /// What it is on, in the policy's words: `sys_openat`, `list:dups`, `sched/sched_switch`, `/bin/bash:readline`.
    package var name: String
    /// What each selector does, in the policy's words: `Sigkill, NoPost`.
    package var selectors: [String]

    package init(origin: HookOrigin, name: String, selectors: [String]) {
        self.origin = origin
        self.name = name
        self.selectors = selectors
    }

    private init(_ section: String, _ index: Int, _ name: String, _ selectors: [Selector]) {
        self.init(
            origin: HookOrigin(section: section, index: index), name: name,
            selectors: selectors.map { selector in
                selector.actions.isEmpty ? "Post" : selector.actions.map(\.kind.rawValue).joined(separator: ", ")
            })
    }

    /// How many things a selector's hits are counted by: without selectors every call is a hit.
    var accounts: Int { max(1, selectors.count) }

    /// All of a policy, in the order of its text's lists.
    package static func all(of spec: PolicySpec) -> [DeclaredHook] {
        spec.kprobes.enumerated().map { index, probe in
            let name =
                switch probe.call {
                case .symbol(let name): name
                case .list(let name): "list:\(name)"
                }
            return DeclaredHook("kprobes", index, name, probe.selectors)
        }
            + spec.tracepoints.enumerated().map { index, hook in
                DeclaredHook("tracepoints", index, "\(hook.subsystem)/\(hook.event)", hook.selectors)
            }
            + spec.uprobes.enumerated().map { index, probe in
                let symbols = probe.symbols + probe.offsets.map { "0x" + String($0, radix: 16) }
                let more = symbols.count > mostSymbols ? ",…" : ""
                let name = "\(probe.path):\(symbols.prefix(mostSymbols).joined(separator: ","))\(more)"
                return DeclaredHook("uprobes", index, name, probe.selectors)
            }
            + spec.usdtProbes.enumerated().map { index, probe in
                DeclaredHook("usdts", index, "\(probe.path):\(probe.provider):\(probe.name)", probe.selectors)
            }
            + spec.lsmHooks.enumerated().map { index, hook in
                DeclaredHook("lsmhooks", index, hook.hook, hook.selectors)
            }
    }

    /// A name is not to be as long as a policy.
    private static let mostSymbols = 4
}

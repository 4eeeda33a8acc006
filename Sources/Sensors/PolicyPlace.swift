// SPDX-License-Identifier: Apache-2.0

extension PolicyProgram {
    /// What the kernel shall call a program with.
    package enum Place: Sendable, Equatable {
        case tracepoint(subsystem: String, event: String)
        /// Of records that have what is asked for at the same offsets. By ``pol_shape/place_rows`` each has rows of its
        /// own.
        case tracepoints([Tracepoint])
        /// By the kernel's name for it; what it passes is read as it is.
        case rawTracepoint(String)
        /// Functions of the kernel. Of several, ``rec_policy/function`` is the index of the one that was called.
        case functions([String], by: Method)
        case securityHook(String)
        /// System calls; ``rec_policy/function`` is the index of the one that was called.
        case systemCalls([SystemCall], by: Method)
        /// Functions of a program or library, at offsets in its file: see ``UserSymbols``.
        case userFunctions(path: String, offsets: [UInt64])
        /// A probe that a program or library brings; ``pol_argument/offset`` says which of its arguments a value is.
        case userProbe(UserProbe)

        package static func function(_ name: String, by method: Method = .kprobe) -> Place {
            .functions([name], by: method)
        }

        package static func systemCall(_ name: String, abi: SystemCall.ABI = .native, by method: Method) -> Place {
            .systemCalls([SystemCall(name, abi: abi)], by: method)
        }
    }

    package struct Tracepoint: Sendable, Equatable {
        package var subsystem: String
        package var event: String

        package init(_ subsystem: String, _ event: String) {
            self.subsystem = subsystem
            self.event = event
        }
    }

    /// How the kernel is made to call. What the running kernel does not have is an error when the program is loaded or
    /// attached, with the kernel's answer.
    package enum Method: String, Sendable {
        /// Any function that the kernel lets be probed, entry and return. Many at once where the kernel can.
        case kprobe
        /// The same, and the function may be made to return an error without being run (error injection).
        case kprobeOverride
        /// One function that the kernel has type information for, entry and return. Cheaper.
        case fentry
        /// In front of one function of the kind that may fail: a security hook's. An error is returned instead of
        /// running it.
        case fmodRet
        /// System calls by their numbers, where there are no kprobes. It sees, and signals; it prevents nothing.
        case rawSyscall
    }
}

extension PolicyProgram.Place: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tracepoint(let subsystem, let event): "tracepoint \(subsystem)/\(event)"
        case .tracepoints(let all): Self.several("tracepoint", all.map { "\($0.subsystem)/\($0.event)" })
        case .rawTracepoint(let name): "raw tracepoint \(name)"
        case .functions(let names, let method): "\(Self.several("function", names)) by \(method.rawValue)"
        case .securityHook(let name): "security hook \(name)"
        case .systemCalls(let calls, let method):
            "\(Self.several("system call", calls.map(\.description))) by \(method.rawValue)"
        case .userFunctions(let path, let offsets):
            Self.several("offset", offsets.map { "0x" + String($0, radix: 16) }) + " of \(path)"
        case .userProbe(let probe): "probe \(probe.provider):\(probe.name) of \(probe.path)"
        }
    }

    private static func several(_ what: String, _ names: [String]) -> String {
        let shown = names.prefix(3).joined(separator: ", ")
        return names.count > 3 ? "\(what)s \(shown) and \(names.count - 3) more" : "\(what) \(shown)"
    }
}

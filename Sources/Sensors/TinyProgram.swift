// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// The smallest program there is, in the kernel until the value goes: it returns 0.
struct TinyProgram: ~Copyable {
    let descriptor: Int32

    /// A helper that the program calls, with arguments that the verifier accepts and that would do nothing.
    enum Call {
        /// bpf_override_return(ctx, 0)
        case overrideReturn
        /// bpf_send_signal(0)
        case sendSignal

        fileprivate var instructions: [UInt64] {
            switch self {
            case .overrideReturn: [Instruction.zero(register: 2), Instruction.call(BPF_FUNC_override_return)]
            case .sendSignal: [Instruction.zero(register: 1), Instruction.call(BPF_FUNC_send_signal)]
            }
        }
    }

    private enum Instruction {
        static let exit: UInt64 = 0x95
        static func zero(register: UInt64) -> UInt64 { 0xb7 | register << 8 }
        static func call(_ helper: bpf_func_id) -> UInt64 { 0x85 | UInt64(helper.rawValue) << 32 }
    }

    /// Loads it, for a place among the kernel's types where such programs need one. `purpose` goes into the error.
    init(
        _ type: bpf_prog_type, attachment: bpf_attach_type = bpf_attach_type(rawValue: 0), to id: UInt32 = 0,
        calling call: Call? = nil, _ purpose: String
    ) throws(Absence) {
        var options = bpf_prog_load_opts()
        options.sz = optionsSize(through: \bpf_prog_load_opts.log_buf)
        options.expected_attach_type = attachment
        options.attach_btf_id = id
        let instructions = (call?.instructions ?? []) + [Instruction.zero(register: 0), Instruction.exit]
        descriptor = instructions.withUnsafeBytes {
            bpf_prog_load(
                type, "apus_probe", "Dual BSD/GPL", $0.baseAddress?.assumingMemoryBound(to: bpf_insn.self),
                instructions.count, &options)
        }
        guard descriptor >= 0 else { throw Absence("load a program \(purpose)", errno: errno) }
    }

    deinit { close(descriptor) }
}

// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
import Models

/// An object that the build has embedded, and those of the kernel's types that it reads: opened as often as it is loaded.
final class ObjectFile {
    /// What libbpf calls the objects of policies.
    static let policies = "policy"

    /// What it is for, as errors tell it.
    let name: String
    private let bytes: [UInt8]
    private let title: String
    /// A file; -1: all of the kernel's types.
    private let types: Int32

    /// - Parameter called: of which libbpf makes the names of the maps that variables are in.
    init(
        _ text: StaticString, _ name: String, called title: String = policies, types kernel: KernelTypes
    ) throws(SensorError) {
        LibbpfLog.forget()
        self.name = name
        self.title = title
        bytes = decodeBase64(text)
        // Only opened can it say what it needs, and what it is given it must be given to be opened.
        guard let opened = Self.open(bytes, title, typesFrom: nil) else {
            throw SensorError("open", name, log: LibbpfLog.tail())
        }
        types = bpf_object__btf(opened).flatMap { NeededTypes(of: $0, in: kernel) }?.makeFile() ?? -1
        bpf_object__close(opened)
    }

    deinit { if types >= 0 { close(types) } }

    /// The caller's to close.
    func open() throws(SensorError) -> OpaquePointer {
        let file = types >= 0 ? "/proc/self/fd/\(types)" : nil
        guard let object = Self.open(bytes, title, typesFrom: file) else {
            throw SensorError("open", name, log: LibbpfLog.tail())
        }
        return object
    }

    private static func open(_ bytes: [UInt8], _ title: String, typesFrom types: String?) -> OpaquePointer? {
        var options = bpf_object_open_opts()
        options.sz = optionsSize(through: \bpf_object_open_opts.kernel_log_level)
        let types = types.map { strdup($0) }
        defer { free(types ?? nil) }
        options.btf_custom_path = types.flatMap { UnsafePointer($0) }
        return title.withCString { name in
            options.object_name = name
            return bytes.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, &options) }
        }
    }
}

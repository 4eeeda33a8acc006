// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import SystemPackage

/// A value that the agent cannot start with: one line that names the flag, where it was given, and what is wrong.
package struct OptionError: Error, CustomStringConvertible {
    package let description: String
}

/// What the command line asks for.
package enum AgentInvocation: Sendable {
    case run(AgentOptions)
    /// Print this on stdout and exit with 0: the answer to --help and --version.
    case print(String)
}

extension AgentOptions {
    /// Reads the options from the command line (without the program's name), the variables and the files.
    ///
    /// Each source is turned into flags, and all of them are read as one command line, weakest source first: "the last
    /// wins" is then the only rule there is. Files and variables are also read one by one, so that a bad value is
    /// reported with the place where it stands.
    package static func parse(
        arguments: [String], environment: [String: String]
    ) throws(OptionError) -> AgentInvocation {
        let arguments = arguments.map(spelledOut)
        let own = try read(arguments, from: "on the command line")
        guard case .run(let given) = own else { return own }

        let variables = try flags(in: environment)
        // The directory itself may be named by everything but its own files.
        let directory = try read(variables + arguments, from: "on the command line").options?.configDir
        let files = try flags(inDirectory: directory ?? given.configDir, mustExist: directory != defaultConfigDir)

        guard case .run(var options) = try read(files + variables + arguments, from: "in all sources together") else {
            return own
        }
        do { try options.validateTogether() } catch {
            throw OptionError(description: "in all sources together: \(error)")
        }
        if options.nodeName.isEmpty { options.nodeName = environment["NODE_NAME"] ?? "" }
        if options.nodeName.isEmpty { options.nodeName = hostName() }
        return .run(options)
    }

    /// A switch alone means that it is on; with a value it is an option like the others, in a file or a variable too.
    private static func spelledOut(_ argument: String) -> String {
        switches.contains(argument) ? argument + "=true" : argument
    }

    private static let switches = [
        "--enable-k8s-api", "--enable-process-cred", "--enable-process-environment-variables", "--enable-process-ns",
        "--export-file-compress", "--expose-stack-addresses", "--keep-sensors-on-exit", "--release-pinned-bpf",
    ]

    private static func flags(in environment: [String: String]) throws(OptionError) -> [String] {
        var flags: [String] = []
        for key in CodingKeys.allCases {
            let variable = key.variableName
            guard let value = environment[variable] else { continue }
            flags.append("--\(key.flagName)=\(value)")
            _ = try read([flags[flags.count - 1]], from: "in the variable \(variable)")
        }
        return flags
    }

    private static func flags(inDirectory path: String, mustExist: Bool) throws(OptionError) -> [String] {
        var flags: [String] = []
        for name in try fileNames(inDirectory: path, mustExist: mustExist) {
            let file = "\(path)/\(name)"
            guard let key = CodingKeys.allCases.first(where: { $0.flagName == name }),
                key != .configDir
            else {
                throw OptionError(description: "in the file \(file): there is no flag --\(name) that a file may set")
            }
            flags.append("--\(name)=\(try content(ofFile: file))")
            _ = try read([flags[flags.count - 1]], from: "in the file \(file)")
        }
        return flags
    }

    /// One reading by the parser; what it says against a value comes back with the place in front.
    private static func read(_ arguments: [String], from place: String) throws(OptionError) -> AgentInvocation {
        do {
            return .run(try AgentOptions.parse(arguments))
        } catch {
            let code = exitCode(for: error)
            if code == .success { return .print(fullMessage(for: error)) }
            throw OptionError(description: "\(place): \(message(for: error))")
        }
    }

    /// Names in the order of the alphabet. Hidden ones are not flags (a mounted ConfigMap has `..data`).
    private static func fileNames(inDirectory path: String, mustExist: Bool) throws(OptionError) -> [String] {
        guard let directory = opendir(path) else {
            if errno == ENOENT && !mustExist { return [] }
            throw OptionError(description: "cannot read the configuration directory \(path): \(Errno(rawValue: errno))")
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    /// A file's content without the white space around it. A flag's value is short: 64 KiB are the limit.
    private static func content(ofFile path: String) throws(OptionError) -> String {
        let limit = 64 << 10
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
            return try file.closeAfter {
                let bytes = try [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, count in
                    count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                }
                guard bytes.count <= limit else { throw Errno.fileTooLarge }
                guard let text = String(validating: bytes, as: UTF8.self) else { throw Errno.illegalByteSequence }
                return text.trimmed
            }
        } catch {
            throw OptionError(description: "cannot read the file \(path): \(error)")
        }
    }

    private static func hostName() -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        return String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension AgentInvocation {
    fileprivate var options: AgentOptions? {
        if case .run(let options) = self { options } else { nil }
    }
}

extension AgentOptions.CodingKeys {
    /// `server-address`, as the parser derives it from the property's name.
    var flagName: String {
        rawValue.reduce(into: "") { name, character in
            name += character.isUppercase ? "-" + character.lowercased() : String(character)
        }
    }

    /// `APUS_SERVER_ADDRESS`
    fileprivate var variableName: String {
        "APUS_" + String(flagName.map { $0 == "-" ? "_" : $0 }).uppercased()
    }
}

extension StringProtocol {
    /// Without the white space around it.
    package var trimmed: String {
        let start = drop(while: \.isWhitespace)
        return String(start[..<(start.lastIndex { !$0.isWhitespace }.map(start.index(after:)) ?? start.startIndex)])
    }
}

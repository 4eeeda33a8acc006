// SPDX-License-Identifier: Apache-2.0

internal import TOMLKit

/// What a TOML document means, so that two of them can be compared.
indirect enum TOMLTree: Equatable {
    case table([String: TOMLTree])
    case array([TOMLTree])
    case string(String)
    case integer(Int)
    /// Of any other type, by its type and value.
    case other(String)

    /// - Parameter name: what the document is, for the error.
    init(parsing bytes: [UInt8], name: String) throws(InstallerError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InstallerError("\(name) is not valid TOML: it is not UTF-8. Mend it, then install again.")
        }
        // The parser takes a C string: what comes after a zero would be neither checked nor compared.
        guard !bytes.contains(0) else {
            throw InstallerError("\(name) is not valid TOML: there is a zero byte in it. Mend it, then install again.")
        }
        do {
            self = try Self.table(TOMLTable(string: text))
        } catch let error as TOMLParseError {
            let place = "line \(error.source.begin.line), column \(error.source.begin.column)"
            throw InstallerError(
                "\(name) is not valid TOML: \(error.description) (\(place)). Mend it, then install again.")
        } catch {
            throw InstallerError("\(name) is not valid TOML: \(error)")
        }
    }

    private static func table(_ table: TOMLTable) throws -> TOMLTree {
        var tree: [String: TOMLTree] = [:]
        for key in table.keys {
            guard let value = table[key] else { throw InstallerError("its key \(key) has a zero byte in it") }
            tree[key] = try Self.value(value)
        }
        return .table(tree)
    }

    private static func value(_ value: any TOMLValueConvertible) throws -> TOMLTree {
        switch value.type {
        case .table: if let table = value.table { return try Self.table(table) }
        case .array: if let array = value.array { return .array(try array.map { try Self.value($0) }) }
        case .string: if let string = value.string { return .string(string) }
        case .int: if let integer = value.int { return .integer(integer) }
        default: break
        }
        return .other("\(value.type) \(value.debugDescription)")
    }

    /// What lies at the path of keys; nil when there is nothing.
    subscript(path: [String]) -> TOMLTree? {
        var tree = self
        for key in path {
            guard case .table(let table) = tree, let next = table[key] else { return nil }
            tree = next
        }
        return tree
    }

    /// The tree with the value at that path, or without what is there. Tables that are missing on the way are made.
    func setting(_ path: ArraySlice<String>, to value: TOMLTree?) -> TOMLTree {
        guard let key = path.first else { return value ?? self }
        guard case .table(var table) = self else { return self }
        if path.count == 1 {
            table[key] = value
        } else if value != nil || table[key] != nil {
            table[key] = (table[key] ?? .table([:])).setting(path.dropFirst(), to: value)
        }
        return .table(table)
    }

    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
    var table: [String: TOMLTree]? {
        if case .table(let table) = self { table } else { nil }
    }
}

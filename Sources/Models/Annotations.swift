// SPDX-License-Identifier: Apache-2.0

/// What a runtime wrote beside a container, in the order in which it was read.
///
/// A list, not a dictionary: there are a few dozen at most, they are looked up a dozen times in a container's life, and
/// the hook does without hashing and its random seed.
package struct Annotations: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var key: String
        package var value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    package private(set) var entries: [Entry] = []

    package init() {}

    /// As many are read from a document; more are refused, because every addition looks through the list.
    package static let maximumCount = 2048

    /// For keys that are known to differ, as those of a map do: nothing is looked through.
    package mutating func append(_ key: String, _ value: String) { entries.append(Entry(key: key, value: value)) }

    mutating func read(_ key: String, _ value: String) throws(OCIDocumentError) {
        self[key] = value
        if entries.count > Self.maximumCount {
            throw .invalid(field: "annotations", why: "are more than 2048")
        }
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// Of a key given twice the last value holds, as in the runtimes' own JSON readers. Setting nil removes the key.
    package subscript(key: String) -> String? {
        get {
            for entry in entries where entry.key == key {
                return entry.value
            }
            return nil
        }
        set {
            let index = entries.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (let index?, let value?): entries[index].value = value
            case (let index?, nil): entries.remove(at: index)
            case (nil, let value?): entries.append(Entry(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The value of the first of these keys that is there and not empty.
    package func first(of keys: String...) -> String? {
        for key in keys {
            if let value = self[key], !value.isEmpty {
                return value
            }
        }
        return nil
    }

    /// True if some key starts so: the runtimes each keep a name space of their own.
    package func hasKey(startingWith prefix: String) -> Bool {
        entries.contains { $0.key.utf8.starts(with: prefix.utf8) }
    }
}

extension Annotations: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral pairs: (String, String)...) {
        for (key, value) in pairs {
            self[key] = value
        }
    }
}

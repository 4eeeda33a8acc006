// SPDX-License-Identifier: Apache-2.0

extension String {
    /// RFC 1123, in lower case, as Kubernetes asks of names.
    var isDNSLabel: Bool {
        (1...63).contains(utf8.count) && !hasPrefix("-") && !hasSuffix("-")
            && utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
    }

    /// Labels with dots between them. Kubernetes bounds the whole, not each.
    var isDNSSubdomain: Bool {
        split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last else { return false }
            return first != 0x2d && last != 0x2d
                && label.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
        }
    }

    /// One that can be looked up: in letters of either case, with a dot at its end or without, underscores too.
    var isDomainName: Bool {
        let name = hasSuffix(".") ? dropLast() : self[...]
        return !name.isEmpty
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                (1...63).contains(label.utf8.count)
                    && label.utf8.allSatisfy {
                        (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) || (0x30...0x39).contains($0)
                            || $0 == 0x2d || $0 == 0x5f
                    }
            }
    }
}

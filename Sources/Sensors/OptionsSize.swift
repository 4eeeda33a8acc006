// SPDX-License-Identifier: Apache-2.0

/// What the `sz` of one of libbpf's options is: the bytes up to the end of its last field. Behind that libbpf wants
/// zeroes, and what is in the padding of a Swift value nobody says.
func optionsSize<Options, Field>(through last: KeyPath<Options, Field>) -> Int {
    guard let offset = MemoryLayout<Options>.offset(of: last) else {
        // A mistake of ours, in the first test that comes here.
        preconditionFailure("\(last) is no stored field")
    }
    return offset + MemoryLayout<Field>.size
}

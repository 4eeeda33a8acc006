// SPDX-License-Identifier: Apache-2.0
import PolicyEngine
import Testing

@Suite struct SetLengthTests {
    @Test("a set of whole texts says which lengths it has, and no other set does")
    func lengths() {
        let texts = [2, 5, 64, 66].map { [UInt8](repeating: 97, count: $0) }
        #expect(SetContent.texts(texts).lengths == 1 << 2 | 1 << 5 | 1)
        #expect(SetContent.texts([]).lengths == 0)
        #expect(SetContent.prefixes(texts).lengths == 0 && SetContent.postfixes(texts).lengths == 0)
        #expect(SetContent.substrings(texts).lengths == 0 && SetContent.numbers([2]).lengths == 0)
    }
}

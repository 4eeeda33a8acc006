// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

@testable import Pods

@Suite struct PodTableTests {
    private func pod(_ name: String, _ label: String = "a") -> Pod {
        Pod(name: name, namespace: "n", labels: ["app": label])
    }

    @Test func changeIsToldOnce() {
        var table = ToldPods()
        #expect(table.apply(pod("a")) == .applied(pod("a")))
        #expect(table.apply(pod("a")) == nil)
        #expect(table.apply(pod("a", "b")) == .applied(pod("a", "b")))
        #expect(table.remove(PodKey(namespace: "n", name: "a")) == .removed(namespace: "n", name: "a"))
        #expect(table.remove(PodKey(namespace: "n", name: "a")) == nil)
        #expect(table.all == .all([]))
    }

    @Test func replacingTellsTheDifference() {
        var table = ToldPods()
        #expect(table.replace(with: [pod("b"), pod("a")]) == [.applied(pod("a")), .applied(pod("b"))])
        #expect(table.replace(with: [pod("b"), pod("a")]) == [])
        #expect(
            table.replace(with: [pod("b", "x"), pod("c"), pod("c", "later")]) == [
                .removed(namespace: "n", name: "a"), .applied(pod("b", "x")), .applied(pod("c")),
            ])
    }

    @Test func numberOfPodsIsBounded() {
        var table = ToldPods()
        for number in 0..<2_005 { _ = table.apply(pod("p\(number)")) }
        #expect(table.pods.count == 2_000)
        #expect(table.refused == 5)
        // Known ones change, and one that goes makes room.
        #expect(table.apply(pod("p0", "new")) != nil)
        #expect(table.apply(pod("new")) == nil)
        #expect(table.remove(PodKey(namespace: "n", name: "p1")) != nil)
        #expect(table.apply(pod("new")) != nil)
    }

    @Test func bytesAreBoundedTogether() {
        var table = ToldPods()
        let mebibyte = String(repeating: "x", count: 1 << 20)
        for number in 0..<40 { _ = table.apply(pod("p\(number)", mebibyte)) }
        #expect(table.pods.count == 31)
        #expect(table.refused == 9)
        for number in 0..<31 { _ = table.remove(PodKey(namespace: "n", name: "p\(number)")) }
        for number in 0..<40 { _ = table.apply(pod("q\(number)", mebibyte)) }
        #expect(table.pods.count == 31)
    }
}

@Suite struct LineSplitterTests {
    private func take(_ splitter: inout LineSplitter, _ text: String) -> [String] {
        splitter.take(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func linesMayComeInAnyPieces() {
        var splitter = LineSplitter(limit: 100)
        #expect(take(&splitter, "one\ntw") == ["one"])
        #expect(take(&splitter, "o") == [])
        #expect(take(&splitter, "\n\n\nthree\nfour\n") == ["two", "three", "four"])
        #expect(take(&splitter, "rest") == [])
        #expect(splitter.skipped == 0)
    }

    @Test func longLineIsLeftOutAlone() {
        var splitter = LineSplitter(limit: 5)
        #expect(take(&splitter, "12345\n123456\nabc\n") == ["12345", "abc"])
        #expect(splitter.skipped == 1)
        #expect(take(&splitter, "123") == [])
        #expect(take(&splitter, "456") == [])
        #expect(take(&splitter, "789\nabc\n") == ["abc"])
        #expect(splitter.skipped == 2)
    }
}

@Suite struct BackoffTests {
    @Test func waitDoublesUpToItsBound() {
        var backoff = Backoff(first: .seconds(1), longest: .seconds(8))
        for longest in [1, 2, 4, 8, 8, 8] {
            let wait = backoff.wait()
            #expect(wait <= .seconds(longest))
            #expect(wait >= .seconds(longest) / 2)
        }
        backoff.reset()
        #expect(backoff.wait() <= .seconds(1))
    }

    @Test func waitsOfManyDiffer() {
        let waits = (0..<50).map { _ in
            var backoff = Backoff(first: .seconds(1), longest: .seconds(8))
            return backoff.wait()
        }
        #expect(Set(waits).count > 1)
    }
}

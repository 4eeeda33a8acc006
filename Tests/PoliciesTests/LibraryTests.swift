// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Policies

/// policies/, which people are to load as it is.
@Suite struct LibraryTests {
    private static let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "policies")
    static let files =
        ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? [])
        .filter { $0.hasSuffix(".yaml") }.sorted()

    private static func text(of file: String) throws -> String {
        try String(contentsOf: directory.appending(path: file), encoding: .utf8)
    }

    @Test("there are policies")
    func some() { #expect(Self.files.count >= 26) }

    @Test("a policy of the library is valid without a warning, and is called as its file", arguments: files)
    func validity(_ file: String) throws {
        let documents = try PolicyReader.documents(of: Self.text(of: file))
        #expect(documents.count == 1)
        for document in documents {
            #expect(document.warnings.map(\.description) == [])
            #expect(try document.result.get().name + ".yaml" == file)
        }
    }

    @Test("a policy of the library is for containers, and each of its hooks says what it is about", arguments: files)
    func explanations(_ file: String) throws {
        let policy = try spec(Self.text(of: file))
        #expect(policy.containerSelector != nil && policy.podSelector == nil)
        #expect(policy.tracepoints.isEmpty && policy.uprobes.isEmpty && policy.usdtProbes.isEmpty)
        let words = policy.kprobes.map { ($0.message, $0.tags) } + policy.lsmHooks.map { ($0.message, $0.tags) }
        #expect(!words.isEmpty)
        for (message, tags) in words { #expect(message?.isEmpty == false && !tags.isEmpty) }
    }

    @Test("a policy of the library does nothing but tell, until one word is changed", arguments: files)
    func mildness(_ file: String) throws {
        let text = try Self.text(of: file)
        let policy = try spec(text)
        if file.hasSuffix("-lsm.yaml") {
            // Functions that are LSM hooks on newer kernels alone.
            #expect(policy.kprobes.allSatisfy { !$0.isSystemCall && $0.mayBeMissing })
            #expect(policy.options.mode == .monitor)
            let enforcing = try Self.changed(text, "value: monitor}", "value: enforce}")
            #expect(enforcing.options.mode == .enforce)
            #expect(Self.actions(enforcing.lsmHooks.flatMap(\.selectors)).contains(.override(-1)))
        } else {
            #expect(policy.lsmHooks.isEmpty)
            let actions = Self.actions(policy.kprobes.flatMap(\.selectors))
            #expect(actions.allSatisfy { $0 == .post(.init()) || $0 == .noPost })
            let killing = try Self.changed(text, "action: Post", "action: Sigkill")
            #expect(Self.actions(killing.kprobes.flatMap(\.selectors)).allSatisfy { $0 == .sigkill || $0 == .noPost })
        }
    }

    private static func changed(_ text: String, _ word: String, _ other: String) throws -> PolicySpec {
        try PolicyReader.policy(of: text.replacingOccurrences(of: word, with: other)).spec
    }

    private static func actions(_ selectors: [Selector]) -> [Action] { selectors.flatMap(\.actions) }
}

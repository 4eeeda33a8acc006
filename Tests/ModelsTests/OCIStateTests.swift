// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

struct OCIStateTests {
    private func read(_ json: JSON) throws -> OCIState {
        var reader = OCIStateReader()
        try json.feed(&reader)
        return try reader.finish()
    }

    @Test("The state that runc writes")
    func complete() throws {
        let state = try read([
            "ociVersion": "1.0.2-dev", "id": "demo", "status": "creating", "pid": 4711, "bundle": "/run/b",
            "annotations": ["a": "1", "b": "", "c": nil], "later": ["id": "other", "annotations": [1, 2]],
        ])
        #expect(state.ociVersion == "1.0.2-dev")
        #expect(state.id == "demo")
        #expect(state.status == "creating")
        #expect(state.pid == 4711)
        #expect(state.bundle == "/run/b")
        #expect(state.annotations == ["a": "1", "b": ""])
    }

    @Test("An id and a bundle are enough")
    func minimal() throws {
        let state = try read(["id": "demo", "bundle": "/b", "annotations": nil])
        #expect(state.pid == 0)
        #expect(state.annotations.isEmpty)
    }

    @Test(
        "What a state may not be",
        arguments: [
            ([], .wrongType(field: "the document")),
            ("text", .wrongType(field: "the document")),
            (["bundle": "/b"], .missing(field: "id")),
            (["id": "a"], .missing(field: "bundle")),
            (["id": nil, "bundle": "/b"], .missing(field: "id")),
            (["id": 5, "bundle": "/b"], .wrongType(field: "id")),
            (["id": ["x": 1]], .wrongType(field: "id")),
            (["id": "a", "bundle": "b"], .invalid(field: "bundle", why: "is not an absolute path")),
            (["id": "a", "bundle": "/b\u{0}/c"], .invalid(field: "bundle", why: "contains a NUL byte")),
            (["pid": -1], .invalid(field: "pid", why: "is not a process id")),
            (["pid": 4_294_967_296], .invalid(field: "pid", why: "is not a process id")),
            (["pid": "1"], .wrongType(field: "pid")),
            (["annotations": ["a": 1]], .wrongType(field: "annotations")),
            (["annotations": ["a": ["b"]]], .wrongType(field: "annotations")),
            (["annotations": "x"], .wrongType(field: "annotations")),
            (["x": .nested(64)], .tooDeep),
        ] as [(JSON, OCIDocumentError)])
    func refuses(json: JSON, reason: OCIDocumentError) {
        #expect(throws: reason) { try read(json) }
    }

    @Test("Depth is bounded, not forbidden")
    func deepest() throws {
        #expect(try read(["id": "a", "bundle": "/b", "x": .nested(63)]).id == "a")
    }

    @Test("More annotations than anybody writes are refused: each addition looks through the list")
    func annotationCount() {
        func state(_ count: Int) -> JSON {
            ["id": "a", "bundle": "/b", "annotations": .object((0..<count).map { ("\($0)", "x") })]
        }
        #expect(throws: Never.self) { try read(state(2048)) }
        let error = #expect(throws: OCIDocumentError.self) { try read(state(2049)) }
        #expect(error?.description.contains("annotations are more than 2048") == true)
    }
}

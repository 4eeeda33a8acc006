// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

struct OCISpecTests {
    private func read(_ json: JSON) throws -> OCISpec {
        var reader = OCISpecReader()
        try json.feed(&reader)
        return reader.finish()
    }

    @Test("What the hook wants is found, and only where it belongs")
    func complete() throws {
        let spec = try read([
            "process": ["path": "no", "annotations": ["no": "no"], "args": ["sh", ["x": []]]],
            "root": ["path": "rootfs", "readonly": true],
            "linux": [
                "cgroupsPath": "/docker/abc", "path": "no", "namespaces": [["type": "pid", "path": "/no"]],
                "mounts": ["no"], "resources": ["cgroupsPath": "no"],
            ],
            "annotations": ["a": "1"],
            "mounts": [
                ["destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec"]],
                ["destination": "/data", "uidMappings": [["hostID": 1]], "options": nil],
            ],
        ])
        #expect(spec.cgroupsPath == "/docker/abc")
        #expect(spec.rootPath == "rootfs")
        #expect(spec.annotations == ["a": "1"])
        #expect(
            spec.mounts == [
                OCIMount(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec"]),
                OCIMount(destination: "/data"),
            ])
    }

    @Test("Nothing is obligatory")
    func empty() throws {
        #expect(try read([:]) == OCISpec())
        #expect(try read(["root": nil, "linux": nil, "annotations": nil, "mounts": nil]) == OCISpec())
    }

    @Test(
        "What a spec may not be",
        arguments: [
            ([], .wrongType(field: "the document")),
            (["root": "x"], .wrongType(field: "root")),
            (["root": ["path": 1]], .wrongType(field: "root.path")),
            (["root": ["path": ["x"]]], .wrongType(field: "root.path")),
            (["linux": []], .wrongType(field: "linux")),
            (["linux": ["cgroupsPath": false]], .wrongType(field: "linux.cgroupsPath")),
            (["annotations": []], .wrongType(field: "annotations")),
            (["annotations": ["a": 1]], .wrongType(field: "annotations")),
            (["mounts": [:]], .wrongType(field: "mounts")),
            (["mounts": ["x"]], .wrongType(field: "mounts")),
            (["mounts": [["options": [1]]]], .wrongType(field: "mounts")),
            (["linux": ["seccomp": .nested(64)]], .tooDeep),
        ] as [(JSON, OCIDocumentError)])
    func refuses(json: JSON, reason: OCIDocumentError) {
        #expect(throws: reason) { try read(json) }
    }

    @Test(
        "A relative root is the bundle's",
        arguments: [("rootfs", "/b/rootfs"), ("/abs", "/abs"), ("../r", "/b/../r"), ("", "")])
    func rootDirectory(path: String, directory: String) {
        var spec = OCISpec()
        spec.rootPath = path
        #expect(spec.rootDirectory(bundle: "/b") == directory)
        #expect(spec.rootDirectory(bundle: "/b/") == directory)
    }
}

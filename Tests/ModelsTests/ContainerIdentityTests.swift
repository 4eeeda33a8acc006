// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

struct ContainerIdentityTests {
    @Test("A container needs no more than an id")
    func acceptsPlainContainer() throws {
        let identity = try ContainerIdentity(id: "demo")
        #expect(identity.id.text == "demo")
        #expect(identity.cgroupsPath == nil)
        #expect(!identity.hasPod)
    }

    @Test("A pod's container keeps what it was given")
    func acceptsPod() throws {
        let identity = try ContainerIdentity(
            id: "abc", name: "app", image: "docker.io/library/busybox:1.36", runtime: "containerd", bundle: "/run/b",
            rootDir: "/run/b/rootfs", cgroupsPath: "system.slice:x:abc", podName: "shop-1", podNamespace: "shop",
            podUID: "6a2f", stage: .createContainer)
        #expect(identity.cgroupsPath?.path == "/system.slice/x-abc.scope")
        #expect(identity.hasPod)
        #expect(identity.stage == .createContainer)
    }

    @Test("Every field has a bound, and the error names the field")
    func refuses() {
        let long = String(repeating: "n", count: 254)
        let path = "/" + String(repeating: "p", count: 4096)
        expectRefusal(of: "id") { () throws(ContainerIdentityError) in try ContainerIdentity(id: "") }
        expectRefusal(of: "id") { () throws(ContainerIdentityError) in try ContainerIdentity(id: "../x") }
        expectRefusal(of: "name") { () throws(ContainerIdentityError) in try ContainerIdentity(id: "a", name: long) }
        expectRefusal(of: "image") { () throws(ContainerIdentityError) in try ContainerIdentity(id: "a", image: path) }
        expectRefusal(of: "runtime") { () throws(ContainerIdentityError) in
            try ContainerIdentity(id: "a", runtime: "a\nb")
        }
        expectRefusal(of: "bundle") { () throws(ContainerIdentityError) in try ContainerIdentity(id: "a", bundle: "b") }
        expectRefusal(of: "rootDir") { () throws(ContainerIdentityError) in
            try ContainerIdentity(id: "a", rootDir: path)
        }
        expectRefusal(of: "cgroupsPath") { () throws(ContainerIdentityError) in
            try ContainerIdentity(id: "a", cgroupsPath: "/../x")
        }
        expectRefusal(of: "podName") { () throws(ContainerIdentityError) in
            try ContainerIdentity(id: "a", podName: "a\u{7f}")
        }
        expectRefusal(of: "podNamespace") { () throws(ContainerIdentityError) in
            try ContainerIdentity(id: "a", podNamespace: long)
        }
        expectRefusal(of: "podUID") { () throws(ContainerIdentityError) in
            try ContainerIdentity(id: "a", podUID: "\u{1b}[2J")
        }
    }

    @Test(
        "Each field is as long as it may be, without a control character",
        arguments: [
            ("name", 253), ("image", 4096), ("runtime", 63), ("bundle", 4096), ("rootDir", 4096), ("podName", 253),
            ("podNamespace", 253), ("podUID", 253),
        ])
    func bounds(field: String, length: Int) {
        let start = ["bundle", "rootDir"].contains(field) ? "/" : ""
        let longest = start + String(repeating: "x", count: length - start.utf8.count)
        #expect(throws: Never.self) { try make(field, longest) }
        for value in [longest + "x", start + "a\nb", start + "\u{1b}[2J", start + "a\u{7f}", start + "a\u{0}"] {
            expectRefusal(of: field) { () throws(ContainerIdentityError) in try make(field, value) }
        }
    }

    private func make(_ field: String, _ value: String) throws(ContainerIdentityError) -> ContainerIdentity {
        func of(_ name: String) -> String { name == field ? value : "" }
        return try ContainerIdentity(
            id: "a", name: of("name"), image: of("image"), runtime: of("runtime"), bundle: of("bundle"),
            rootDir: of("rootDir"), podName: of("podName"), podNamespace: of("podNamespace"), podUID: of("podUID"))
    }

    private func expectRefusal(
        of field: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ make: () throws(ContainerIdentityError) -> ContainerIdentity
    ) {
        do {
            let identity = try make()
            Issue.record("accepted: \(identity)", sourceLocation: sourceLocation)
        } catch {
            #expect(error.field == field, sourceLocation: sourceLocation)
        }
    }
}

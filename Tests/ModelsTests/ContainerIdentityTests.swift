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

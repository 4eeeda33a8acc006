// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

struct RuntimeHookRequestTests {
    private var full: RuntimeHookRequest {
        var request = RuntimeHookRequest()
        request.cgroupsPath = "/docker/abc"
        request.rootDir = "/b/rootfs"
        request.annotations = ["k": "v", "empty": ""]
        request.containerName = "app"
        request.containerID = "abc"
        request.podName = "shop-1"
        request.podUID = "6a2f"
        request.podNamespace = "shop"
        request.containerImage = "busybox:1"
        request.mounts = [OCIMount(destination: "/proc", type: "proc", source: "proc", options: ["ro", "nosuid"])]
        request.stage = "createRuntime"
        request.pid = 4711
        request.bundle = "/b"
        return request
    }

    /// What `protoc --encode=tetragon.RuntimeHookRequest proto/tetragon/*.proto` makes of the same message.
    private let reference = """
        0a8f010a0b2f646f636b65722f61626312092f622f726f6f7466731a060a016b1201761a090a05656d707479120022036170
        702a03616263320673686f702d313a0436613266420473686f704a0962757379626f783a31521f0a052f70726f6312047072
        6f631a0470726f632202726f22066e6f7375696482b518160a0d63726561746552756e74696d6510e7241a022f62
        """

    @Test("The bytes are protoc's")
    func encodes() {
        #expect(full.encoded().hexadecimal == reference.filter { !$0.isWhitespace })
    }

    @Test("Unset fields take no bytes, lengths above 127 two")
    func encodesSparsely() {
        var request = RuntimeHookRequest()
        #expect(request.encoded().hexadecimal == "0a0482b51800")
        request.containerID = String(repeating: "a", count: 128)
        #expect(request.encoded().hexadecimal.hasPrefix("0a87012a8001616161"))
    }

    @Test("The spec's annotations name the container; the state's do when there is no spec")
    func combines() throws {
        var state = OCIState()
        state.id = "abc"
        state.pid = 7
        state.bundle = "/b"
        state.annotations = ["io.kubernetes.pod.name": "from-state"]
        var spec = OCISpec()
        spec.rootPath = "rootfs"
        spec.annotations = ["io.kubernetes.pod.name": "from-spec", "io.kubernetes.cri-o.ContainerID": "full"]

        let complete = RuntimeHookRequest(
            stage: .createContainer, state: state, spec: spec, cgroup: try CgroupPath(cgroupsPath: "/x/abc"))
        #expect(complete.podName == "from-spec")
        #expect(complete.containerID == "full")
        #expect(complete.cgroupsPath == "/x/abc")
        #expect(complete.rootDir == "/b/rootfs")
        #expect(complete.stage == "createContainer")
        #expect(complete.pid == 7)
        #expect(complete.bundle == "/b")

        let fallback = RuntimeHookRequest(stage: .createRuntime, state: state, spec: nil, cgroup: nil)
        #expect(fallback.podName == "from-state")
        #expect(fallback.containerID == "abc")
        #expect(fallback.cgroupsPath == "")
        #expect(fallback.rootDir == "")
    }
}

extension Sequence<UInt8> {
    fileprivate var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

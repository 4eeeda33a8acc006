// SPDX-License-Identifier: Apache-2.0
import Containers
import Events
import GRPCNIOTransportHTTP2Posix
import Models
import Processes
import SwiftProtobuf
import Testing
import TetragonAPI

/// The encodings made by hand, held against the generated code.
@Suite struct EventEncoderTests {
    private let encoder = EventEncoder(node: "node-1", cluster: "east")

    private func image(
        pid: UInt32 = 4711, arguments: String = "-c \"a b\"", container: Container? = nil,
        properties: ProcessImage.BinaryProperties? = nil, inTree: Bool = false, isSetUp: Bool = false,
        unnamedReason: String = "", origin: ExecOrigin = ExecOrigin(.host), maybeExecProbe: Bool = false,
        start: Int64 = 1_700_000_000_123_456_789
    ) -> ProcessImage {
        ProcessImage(
            execID: "bjox", parentExecID: "bjow", pid: pid, tid: pid, namespacePid: 7, uid: 0, loginUid: .max,
            cwd: "/", binary: "/bin/sh", arguments: arguments, flags: "execve clone", startTime: start,
            inInitTree: inTree, container: container, containerKey: container == nil ? nil : .cgroup,
            properties: properties, namespaces: nil, isSetUp: isSetUp, unnamedReason: unnamedReason,
            origin: origin, maybeExecProbe: maybeExecProbe)
    }

    private func container(pod: Bool) throws -> Container {
        Container(
            identity: try ContainerIdentity(
                id: "0123456789abcdef0123456789abcdef", name: "web", image: "docker.io/library/busybox:1",
                runtime: "containerd", bundle: "/run/b", podName: pod ? "shop" : "", podNamespace: pod ? "prod" : "",
                podUID: pod ? "0b3c" : ""), source: .hook, cgroup: 1)
    }

    private func decoded(_ happened: ProcessEvent) throws -> Tetragon_GetEventsResponse {
        let event = encoder.encode(happened, formats: [.protobuf, .json])
        let fromProtobuf = try event.message.withUnsafeBytes {
            try Tetragon_GetEventsResponse(serializedBytes: Array($0))
        }
        let line = String(decoding: event.json, as: UTF8.self)
        #expect(line.last == "\n")
        #expect(!line.dropLast().contains("\n"))
        let fromJSON = try Tetragon_GetEventsResponse(jsonString: line)
        #expect(fromProtobuf == fromJSON)
        #expect(fromProtobuf.unknownFields.data.isEmpty)
        return fromProtobuf
    }

    @Test("what a rate limit has withheld is an event of the API")
    func rateLimitInfo() throws {
        let info = EventEncoder(node: "node", cluster: "cluster").rateLimitInfo(dropped: 1 << 40, time: 1_500_000_000)
        #expect(info.kind == .rateLimitInfo && info.process == nil && info.json.last == UInt8(ascii: "\n"))
        let event = try Tetragon_GetEventsResponse(jsonString: String(decoding: info.json, as: UTF8.self))
        let message = info.message.withUnsafeBytes { Array($0) }
        #expect(try Tetragon_GetEventsResponse(serializedBytes: message) == event)
        #expect(event.rateLimitInfo.numberOfDroppedProcessEvents == 1 << 40)
        #expect(event.nodeName == "node" && event.clusterName == "cluster")
        #expect(event.time.seconds == 1 && event.time.nanos == 500_000_000)
    }

    private func exec(_ process: ProcessImage, parent: ProcessImage? = nil) -> ProcessEvent {
        ProcessEvent(
            kind: .exec, bootTime: 5, time: 1_700_000_000_500_000_000, process: process, references: 1, parent: parent,
            parentReferences: 300)
    }

    @Test func `a test event carries its numbers and nothing of a process`() throws {
        for numbers: [UInt64] in [[1, 2, 3, .max], [0, 0, 0, 0]] {
            let event = try decoded(
                ProcessEvent(
                    kind: .test(TestMarker(numbers: numbers)), bootTime: 5, time: 1_700_000_000_500_000_000,
                    process: image(), references: 0, parent: nil, parentReferences: 0))
            guard case .test(let test)? = event.event else {
                Issue.record("it is no test event")
                return
            }
            #expect([test.arg0, test.arg1, test.arg2, test.arg3] == numbers)
            #expect(event.nodeName == "node-1" && event.clusterName == "east" && event.time.seconds == 1_700_000_000)
        }
    }

    @Test func `what a process is to its container is told`() throws {
        let container = try container(pod: true)
        func phase(_ image: ProcessImage) throws -> Tetragon_ProcessPhase {
            try decoded(exec(image)).processExec.process.phase
        }
        #expect(try phase(image(container: container, isSetUp: true)) == .phaseSetup)
        #expect(try phase(image(container: container, inTree: true)) == .phaseTree)
        #expect(try phase(image(container: container)) == .phaseUnspecified)
        #expect(try phase(image()) == .phaseUnspecified)
    }

    @Test(arguments: [
        (ExecOrigin(.host), Tetragon_ExecOrigin.Kind.originHost, ""),
        (ExecOrigin(.initTree), .originInitTree, ""), (ExecOrigin(.runtimeExec), .originRuntimeExec, ""),
        (ExecOrigin(.runtimeExecTTY), .originRuntimeExecTty, ""), (ExecOrigin(.runtimeSetup), .originRuntimeSetup, ""),
        (ExecOrigin(.namespaceEntry), .originNamespaceEntry, ""),
        (ExecOrigin(.execProbe, command: .liveness), .originExecProbe, "liveness"),
        (ExecOrigin(.lifecycleHook, command: .postStart), .originLifecycleHook, "postStart"),
        (ExecOrigin(.unknown, command: .readiness), .originUnknown, "readiness"),
    ])
    func `where a process comes from is told`(
        origin: ExecOrigin, kind: Tetragon_ExecOrigin.Kind, command: String
    ) throws {
        let told = try decoded(exec(image(origin: origin))).processExec.process.execOrigin
        #expect(told.kind == kind && told.command == command)
    }

    @Test func `what Kubernetes says of a pod is told as soon as it is known, and no longer than it is`() throws {
        let container = try container(pod: true)
        let process = image(container: container, maybeExecProbe: true)
        #expect(try decoded(exec(process)).processExec.process.pod.podLabels.isEmpty)

        var registry = ContainerRegistry(host: NamespaceKey(mount: 1, pid: 1))
        try registry.register(container, namespaces: nil)
        let pod = Pod(
            name: "shop", namespace: "prod", uids: ["0b3c"], labels: ["app": "shop", "a\"b": "", "z": "\u{7}"],
            workload: "shop", workloadKind: "Deployment",
            containers: [PodContainer(name: "web", imageID: "sha256:1", startTime: 1_700_000_000_000_000_001)])
        registry.apply(.applied(pod))
        let told = try decoded(exec(process)).processExec.process.pod
        #expect(told.podLabels == pod.labels)
        #expect(told.workload == "shop" && told.workloadKind == "Deployment")
        #expect(told.container.image.id == "sha256:1" && told.container.image.name == "docker.io/library/busybox:1")
        #expect(told.container.startTime.nanos == 1)
        #expect(told.container.maybeExecProbe)

        registry.apply(.all([]))
        let after = try decoded(exec(process)).processExec.process.pod
        #expect(after.name == "shop" && after.podLabels.isEmpty && after.workload.isEmpty)
    }

    @Test func `who should have a container and has none says why`() throws {
        let process = try decoded(exec(image(unnamedReason: "nobody told"))).processExec.process
        #expect(!process.hasContainer && process.identity.source == "" && process.identity.reason == "nobody told")
    }

    @Test func `an exec on the host has every field, and no container`() throws {
        let response = try decoded(exec(image(), parent: image(pid: 1)))
        #expect(response.nodeName == "node-1")
        #expect(response.clusterName == "east")
        #expect(response.time.seconds == 1_700_000_000)
        #expect(response.time.nanos == 500_000_000)
        let process = response.processExec.process
        #expect(process.execID == "bjox")
        #expect(process.parentExecID == "bjow")
        #expect(process.pid.value == 4711)
        #expect(process.tid.value == 4711)
        #expect(process.hasUid)
        #expect(process.uid.value == 0)
        #expect(process.auid.value == 4_294_967_295)
        #expect(process.cwd == "/")
        #expect(process.binary == "/bin/sh")
        #expect(process.arguments == "-c \"a b\"")
        #expect(process.flags == "execve clone")
        #expect(process.refcnt == 1)
        #expect(process.startTime.nanos == 123_456_789)
        #expect(process.hasInInitTree)
        #expect(!process.inInitTree.value)
        #expect(!process.hasPod)
        #expect(process.docker == "")
        #expect(!process.hasContainer)
        #expect(response.processExec.parent.pid.value == 1)
        #expect(response.processExec.parent.refcnt == 300)
    }

    @Test func `a pod's process says pod and container`() throws {
        let process = try decoded(exec(image(container: try container(pod: true), inTree: true))).processExec.process
        #expect(process.pod.namespace == "prod")
        #expect(process.pod.name == "shop")
        #expect(process.pod.uid == "0b3c")
        #expect(process.pod.container.id == "containerd://0123456789abcdef0123456789abcdef")
        #expect(process.pod.container.name == "web")
        #expect(process.pod.container.image.name == "docker.io/library/busybox:1")
        #expect(process.pod.container.pid.value == 7)
        #expect(process.docker == "0123456789abcde")
        #expect(process.container.id == "0123456789abcdef0123456789abcdef")
        #expect(process.identity.source == "hook")
        #expect(process.inInitTree.value)
    }

    @Test func `a container without a pod has no pod message`() throws {
        let process = try decoded(exec(image(container: try container(pod: false)))).processExec.process
        #expect(!process.hasPod)
        #expect(process.docker == "0123456789abcde")
        #expect(process.container.name == "web")
    }

    @Test(arguments: [
        (Int32(0), "", UInt32(0)), (256, "", 1), (139 << 8, "", 139), (9, "SIGKILL", 0), (139, "SIGSEGV", 0),
        (34, "SIGRTMIN", 0), (50, "SIGRTMIN+16", 0), (255 << 8, "", 255),
    ])
    func `an exit says what wait would`(code: Int32, signal: String, status: UInt32) throws {
        let response = try decoded(
            ProcessEvent(
                kind: .exit(code: code), bootTime: 5, time: 1_700_000_001_000_000_000, process: image(), references: 0,
                parent: nil, parentReferences: 0))
        #expect(response.processExit.signal == signal)
        #expect(response.processExit.status == status)
        #expect(response.processExit.time.seconds == 1_700_000_001)
        #expect(response.processExit.process.refcnt == 0)
        #expect(!response.processExit.hasParent)
    }

    @Test(arguments: [
        "quote\" back\\slash", "line\nfeed\r\t", "\u{0}\u{1}\u{1F}\u{7F}", "naïve ☃ 𝄞",
        String(repeating: "x", count: 300_000),
        "</script>\u{2028}",
    ])
    func `any text survives both encodings`(text: String) throws {
        #expect(try decoded(exec(image(arguments: text))).processExec.process.arguments == text)
    }

    @Test func `properties of the binary are told`() throws {
        let properties = ProcessImage.BinaryProperties(
            setuid: 0, setgid: 5, privileges: [.fileSetuid, .fileCapabilities],
            unlinked: .init(inode: 1 << 40, links: 0, path: "/tmp/gone"))
        let process = image(properties: properties)
        let told = try decoded(exec(process)).processExec.process.binaryProperties
        #expect(told.hasSetuid)
        #expect(told.setuid.value == 0)
        #expect(told.setgid.value == 5)
        #expect(told.privilegesChanged == [.privilegesRaisedExecFileSetuid, .privilegesRaisedExecFileCap])
        #expect(told.file.inode.number == 1 << 40)
        #expect(told.file.inode.hasLinks && told.file.inode.links.value == 0)
        #expect(told.file.path == "/tmp/gone")

        // They are the exec's, not the process's.
        #expect(try !decoded(exec(image(), parent: process)).processExec.parent.hasBinaryProperties)
        let exit = ProcessEvent(
            kind: .exit(code: 0), bootTime: 5, time: 5, process: process, references: 0, parent: nil,
            parentReferences: 0)
        #expect(try !decoded(exit).processExit.process.hasBinaryProperties)
        #expect(try !decoded(exec(image())).processExec.process.hasBinaryProperties)
    }

    @Test(arguments: [
        0, 1, 999_999_999, 1_000_000_000, 951_782_400_000_000_000, 4_102_444_799_120_000_000, -1, -1_500_000_000,
    ])
    func `times are the same in both encodings`(nanoseconds: Int64) throws {
        let start = try decoded(exec(image(start: nanoseconds))).processExec.process.startTime
        #expect(start.seconds * 1_000_000_000 + Int64(start.nanos) == nanoseconds)
    }

    @Test func `only the encodings that somebody reads are made`() {
        #expect(encoder.encode(exec(image()), formats: .protobuf).json.isEmpty)
        #expect(encoder.encode(exec(image()), formats: .json).message.count == 0)
    }
}

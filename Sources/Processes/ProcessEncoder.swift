// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import Models

/// Builds the two encodings of a process: tetragon.Process as protobuf and as protobuf's JSON.
///
/// By hand, because each exec pays for it: some hundred nanoseconds instead of the 20 microseconds of building and
/// serializing a generated message twice. The tests hold both against the generated code.
enum ProcessEncoder {
    static func protobuf(_ process: ProcessImage) -> [UInt8] {
        var w = ProtobufWriter()
        w.bytes.reserveCapacity(256 + process.textSize + process.binary.utf8.count)
        w.string(1, process.execID)
        w.wrapped(2, process.pid)
        w.wrapped(3, process.uid)
        w.string(4, process.cwd)
        w.string(5, process.binary)
        w.string(6, process.arguments)
        w.string(7, process.flags)
        w.timestamp(8, process.startTime)
        w.wrapped(9, process.loginUid)
        if let container = process.container {
            if container.identity.hasPod { w.message(10) { pod(container, process, &$0) } }
            w.string(11, container.identity.docker)
        }
        w.string(12, process.parentExecID)
        if let sets = process.capabilities { w.message(14) { capabilities(sets, &$0) } }
        if let details = process.details, let numbers = details.namespaces {
            w.message(15) { namespaces(numbers, host: details.host, &$0) }
        }
        if let details = process.details, let own = details.credentials {
            w.message(17) { credentials(own, process.capabilities, host: details.host, &$0) }
        }
        if !process.user.isEmpty { w.message(19) { $0.string(1, process.user) } }
        w.wrapped(20, process.inInitTree ? 1 : 0)
        process.environment?.forEach { key, value in
            w.message(21) {
                $0.string(1, key)
                $0.string(2, value)
            }
        }
        if process.origin != ExecOrigin(.unknown) {
            w.message(50000) {
                $0.uint32(1, process.origin.kind.rawValue)
                $0.string(2, process.origin.command?.rawValue ?? "")
            }
        }
        if let container = process.container {
            let identity = container.identity
            w.message(50001) {
                $0.string(1, identity.id.text)
                $0.string(2, identity.name)
                $0.string(3, identity.image)
                $0.string(4, identity.runtime)
                $0.string(5, identity.bundle)
            }
            w.message(50002) {
                $0.string(1, container.source.rawValue)
                $0.string(2, process.identityRemark)
            }
            w.uint32(50003, process.phase?.rawValue ?? 0)
        } else if !process.identityRemark.isEmpty {
            w.message(50002) { $0.string(2, process.identityRemark) }
        }
        // Last: an event of another thread puts its own in place of it.
        tid(process.tid, &w)
        return w.bytes
    }

    static func json(_ process: ProcessImage) -> [UInt8] {
        var w = JSONWriter(
            capacity: 384 + process.textSize + process.binary.utf8.count + jsonSize(process.capabilities))
        w.string("exec_id", process.execID)
        w.wrapped("pid", process.pid)
        w.wrapped("uid", process.uid)
        w.string("cwd", process.cwd)
        w.string("binary", process.binary)
        w.string("arguments", process.arguments)
        w.string("flags", process.flags)
        w.timestamp("start_time", process.startTime)
        w.wrapped("auid", process.loginUid)
        if let container = process.container {
            if container.identity.hasPod { w.object("pod") { pod(container, process, &$0) } }
            w.string("docker", container.identity.docker)
        }
        w.string("parent_exec_id", process.parentExecID)
        if let sets = process.capabilities { w.object("cap") { capabilities(sets, &$0) } }
        if let details = process.details, let numbers = details.namespaces {
            w.object("ns") { namespaces(numbers, host: details.host, &$0) }
        }
        if let details = process.details, let own = details.credentials {
            w.object("process_credentials") { credentials(own, process.capabilities, host: details.host, &$0) }
        }
        if !process.user.isEmpty { w.object("user") { $0.string("name", process.user) } }
        w.bool("in_init_tree", process.inInitTree)
        if let variables = process.environment, !variables.memory.isEmpty {
            w.array("environment_variables") { w in
                variables.forEach { key, value in
                    w.element {
                        $0.string("Key", key)
                        $0.string("Value", value)
                    }
                }
            }
        }
        if process.origin != ExecOrigin(.unknown) {
            w.object("exec_origin") {
                if process.origin.kind != .unknown { $0.name("kind", process.origin.kind.name) }
                $0.string("command", process.origin.command?.rawValue ?? "")
            }
        }
        if let container = process.container {
            let identity = container.identity
            w.object("container") {
                $0.string("id", identity.id.text)
                $0.string("name", identity.name)
                $0.string("image", identity.image)
                $0.string("runtime", identity.runtime)
                $0.string("bundle", identity.bundle)
            }
            w.object("identity") {
                $0.string("source", container.source.rawValue)
                $0.string("reason", process.identityRemark)
            }
            if let phase = process.phase { w.name("phase", phase.name) }
        } else if !process.identityRemark.isEmpty {
            w.object("identity") { $0.string("reason", process.identityRemark) }
        }
        tid(process.tid, &w)
        return w.finish()
    }

    static func tid(_ tid: UInt32, _ w: inout ProtobufWriter) { w.wrapped(16, tid) }

    static func tid(_ tid: UInt32, _ w: inout JSONWriter) { w.wrapped("tid", tid) }

    private static func pod(_ container: Container, _ process: ProcessImage, _ w: inout ProtobufWriter) {
        let identity = container.identity
        w.string(1, identity.podNamespace)
        w.string(2, identity.podName)
        w.string(3, identity.podUID)
        w.message(4) {
            $0.string(1, identity.qualifiedID)
            $0.string(2, identity.name)
            let imageID = container.bestImageID
            if !identity.image.isEmpty || !imageID.isEmpty {
                $0.message(3) {
                    $0.string(1, imageID)
                    $0.string(2, identity.image)
                }
            }
            if container.bestStartTime != 0 { $0.timestamp(4, container.bestStartTime) }
            if process.namespacePid != 0 { $0.wrapped(5, process.namespacePid) }
            $0.uint32(13, process.maybeExecProbe ? 1 : 0)
        }
        guard let pod = container.pod else { return }
        for (key, value) in pod.labels.sorted(by: { $0.key < $1.key }) {
            w.message(5) {
                $0.string(1, key)
                $0.string(2, value)
            }
        }
        w.string(6, pod.workload)
        w.string(7, pod.workloadKind)
    }

    private static func pod(_ container: Container, _ process: ProcessImage, _ w: inout JSONWriter) {
        let identity = container.identity
        w.string("namespace", identity.podNamespace)
        w.string("name", identity.podName)
        w.string("uid", identity.podUID)
        w.object("container") {
            $0.string("id", identity.qualifiedID)
            $0.string("name", identity.name)
            let imageID = container.bestImageID
            if !identity.image.isEmpty || !imageID.isEmpty {
                $0.object("image") {
                    $0.string("id", imageID)
                    $0.string("name", identity.image)
                }
            }
            if container.bestStartTime != 0 { $0.timestamp("start_time", container.bestStartTime) }
            if process.namespacePid != 0 { $0.wrapped("pid", process.namespacePid) }
            if process.maybeExecProbe { $0.bool("maybe_exec_probe", true) }
        }
        guard let pod = container.pod else { return }
        if !pod.labels.isEmpty {
            w.object("pod_labels") {
                for (key, value) in pod.labels.sorted(by: { $0.key < $1.key }) { $0.entry(key, value) }
            }
        }
        w.string("workload", pod.workload)
        w.string("workload_kind", pod.workloadKind)
    }

    static func binary(_ properties: ProcessImage.BinaryProperties, _ w: inout ProtobufWriter) {
        if let setuid = properties.setuid { w.wrapped(1, setuid) }
        if let setgid = properties.setgid { w.wrapped(2, setgid) }
        w.packed(3, properties.privileges.map(\.rawValue))
        if let file = properties.unlinked {
            w.message(4) {
                $0.message(1) {
                    $0.uint64(1, file.inode)
                    $0.wrapped(2, file.links)
                }
                $0.string(2, file.path)
            }
        }
    }

    static func binary(_ properties: ProcessImage.BinaryProperties, _ w: inout JSONWriter) {
        if let setuid = properties.setuid { w.wrapped("setuid", setuid) }
        if let setgid = properties.setgid { w.wrapped("setgid", setgid) }
        w.names("privileges_changed", properties.privileges.map(\.name))
        if let file = properties.unlinked {
            w.object("file") {
                $0.object("inode") {
                    $0.quoted("number", file.inode)
                    $0.wrapped("links", file.links)
                }
                $0.string("path", file.path)
            }
        }
    }
}

extension Container {
    /// Kubernetes' word before the runtime's.
    fileprivate var bestImageID: String { podContainer.flatMap { $0.imageID.isEmpty ? nil : $0.imageID } ?? imageID }
    fileprivate var bestStartTime: Int64 {
        podContainer.flatMap { $0.startTime == 0 ? nil : $0.startTime } ?? startTime
    }
}

// SPDX-License-Identifier: Apache-2.0
import CHook

/// One call of the hook, from the state on standard input to the agent's answer.
struct Hook {
    let stage: HookStage
    let options: Options
    /// Microseconds of the monotonic clock, for the log.
    let started: UInt64

    /// What the agent accepts.
    static let maximumRequest = 1 << 20

    func run() {
        Guard.phase("reading the OCI state from standard input")
        let state: OCIState
        do {
            state = try Documents.state()
        } catch {
            Guard.fail("cannot read the OCI state", [("stage", stage.name), ("error", error.description)])
        }
        Guard.context(stage: stage, id: state.id)
        decideFailMode(state.annotations)

        Guard.phase("reading config.json")
        let spec = self.spec(of: state)
        if let spec {
            decideFailMode(spec.annotations)
        }
        var request = RuntimeHookRequest(stage: stage, state: state, spec: spec, cgroup: cgroup(of: spec, state.id))
        deliver(fit(&request), request)
    }

    /// A failure from here on lets the container start after all if its namespace is allowed to.
    private func decideFailMode(_ annotations: Annotations) {
        let namespace = PodAnnotations(annotations).podNamespace
        Guard.failureExit(failing: options.failClosed && !options.allowsFailure(inNamespace: namespace))
    }

    /// Nil if config.json cannot be read. In a pod with user namespaces the hook may not be allowed to; the state's
    /// annotations say who the container is, and the agent finds its cgroup by the hook's own.
    private func spec(of state: OCIState) -> OCISpec? {
        do {
            return try Documents.spec(bundle: state.bundle)
        } catch {
            Log.write(
                .warning, "cannot read config.json, using the annotations of the state",
                [
                    ("stage", stage.name), ("id", state.id), ("bundle", state.bundle), ("error", error.description),
                ])
            return nil
        }
    }

    /// Nil without a usable cgroupsPath: the runtime then chose a cgroup by itself, and the agent looks for it.
    private func cgroup(of spec: OCISpec?, _ id: String) -> CgroupPath? {
        guard let path = spec?.cgroupsPath, !path.isEmpty else {
            return nil
        }
        do {
            return try CgroupPath(cgroupsPath: path)
        } catch {
            Log.write(
                .warning, "cannot use linux.cgroupsPath",
                [("stage", stage.name), ("id", id), ("cgroupsPath", path), ("error", error.description)])
            return nil
        }
    }

    /// Encodes the request within `maximumRequest`. Mounts go first, they are for show; then the annotations, which have
    /// been looked through already.
    private func fit(_ request: inout RuntimeHookRequest) -> [UInt8] {
        let bytes = request.encoded()
        if bytes.count <= Self.maximumRequest {
            return bytes
        }
        let dropped: String
        if !request.mounts.isEmpty {
            request.mounts = []
            dropped = "mounts"
        } else if !request.annotations.isEmpty {
            request.annotations = Annotations()
            dropped = "annotations"
        } else {
            Guard.fail(
                "the request is too large",
                [("stage", stage.name), ("id", request.containerID), ("bytes", "\(bytes.count)")])
        }
        Log.write(
            .warning, "the request is too large, leaving a part out",
            [("stage", stage.name), ("id", request.containerID), ("bytes", "\(bytes.count)"), ("left_out", dropped)])
        return fit(&request)
    }

    private func deliver(_ message: [UInt8], _ request: RuntimeHookRequest) {
        if !options.spoolDirectory.isEmpty {
            Spool.prepare(request, directory: options.spoolDirectory)
        }
        do {
            let agent = try Agent(address: options.agentAddress)
            try agent.runtimeHook(message, timeoutMilliseconds: options.timeoutMilliseconds)
        } catch {
            if !error.isTransient {
                Spool.discard()
            }
            Guard.fail(
                "cannot tell the agent",
                [
                    ("stage", stage.name), ("id", request.containerID), ("agent", options.agentAddress),
                    ("error", error.description),
                ])
        }
        // An alarm from here on is too late to matter.
        Spool.discard()
        Guard.failureExit(failing: false)
        Guard.phase("finishing")
        Log.write(
            .info, "the agent knows the container",
            [
                ("stage", stage.name), ("id", request.containerID), ("namespace", request.podNamespace),
                ("pod", request.podName), ("container", request.containerName),
                ("took_us", "\(apus_clock_us() - started)"),
            ])
    }
}

// SPDX-License-Identifier: Apache-2.0
import AgentCore
import CLinux
import Containers
import Events
import Export
import Glibc
import Logging
import Metrics
import Models
import Outreach
import Policies
import PolicyEngine
import Processes
import Sensors
import Server
import ServiceLifecycle
import TetragonAPI
import UnixSignals

/// The rooms, connected left to right.
struct Wiring {
    private let options: AgentOptions
    private let log: Logger
    private let writer: Writer
    private let hub: EventHub
    private let ready = ReadyGate()
    private let server: APIServer
    private let exporter: JSONExporter?
    private let stored: StoredContainers
    private let runtimes: RuntimeRecords
    private let pods: PodSources
    private let policies: PolicyRoom
    private let outreach: Outreach
    private let spooled: SpooledContainers
    private let refusals: Refusals
    private let startedAt = WallClock.bootNanoseconds

    init(_ options: AgentOptions, shape: EventShape, log: Logger, level: LogLevel) throws {
        // A reader of stdout that leaves is an error of a write, not the agent's end.
        signal(SIGPIPE, SIG_IGN)
        // Who rotates the file may say so at any time; the signal's default is the end.
        if options.reopensExport { signal(SIGHUP, SIG_IGN) }
        self.options = options
        self.log = log
        let pins = try PinRoot(options.bpfDir, isNeeded: options.keepSensorsOnExit)
        let encoder = EventEncoder(
            node: options.nodeName, cluster: options.clusterName,
            ancestors: options.enableAncestors.kinds.contains(.base),
            policyAncestors: options.enableAncestors.eventKinds, stackAddresses: options.exposeStackAddresses)
        let hub = EventHub(encoder: encoder)
        self.hub = hub
        LibbpfLog.send { level, text in
            log.log(level: level == .warning ? .warning : .debug, "libbpf", metadata: ["text": "\(text)"])
        }
        // Without them there are no sensors, whose error then says why.
        let types = try? KernelTypes()
        let features = KernelFeatures.probe(types)
        features.write(to: log)
        let info = InfoReport(features, options)
        let survey = RealKernelSurvey(features, types: types, procfs: options.procfs)
        let procfs = Procfs(root: options.procfs)
        let hierarchy = try CgroupHierarchy.detect(root: options.cgroupRoot ?? "/sys/fs/cgroup", procfs: procfs)
        let configuration = SensorConfiguration(
            ringBytes: options.rbSize.bytes, cgroupV1Subsystem: try Self.subsystem(hierarchy, types),
            cgroupHierarchy: hierarchy.number, environment: options.enableProcessEnvironmentVariables,
            cgroupRate: options.cgroupRate.map { .init(limit: $0.events, interval: $0.nanoseconds) })
        let sensors = try BaseSensors(configuration, types: types)
        let scopes = PolicyScopes()
        let resolver = RegistrationResolver(procfs: procfs, hierarchy: hierarchy)
        spooled = SpooledContainers(directory: options.spoolDir, resolver: resolver, log: log)
        // Containers that share the host's namespaces are told apart by their cgroups alone.
        // Pid 1 may be out of reach, as in a sandbox; the agent itself is the next best to ask.
        let host =
            procfs.namespaces(of: 1) ?? procfs.namespaces(of: UInt32(getpid())) ?? NamespaceKey(mount: 0, pid: 0)
        let first = NamespaceNumbers(of: 1, in: procfs)
        let hostNamespaces = first.isKnown ? first : NamespaceNumbers(of: UInt32(getpid()), in: procfs)
        let stored = StoredContainers(directory: options.stateDir, procfs: procfs, hierarchy: hierarchy, log: log)
        self.stored = stored
        let reachable = OutreachHosts(options.policyOutreachAllow.names)
        let outreach = Outreach(reachable, log: log)
        self.outreach = outreach
        let writer = Writer(
            sensors: sensors,
            tracker: ProcessTracker(
                node: options.nodeName, registry: ContainerRegistry(host: host),
                runtimeNames: Set(options.runtimeNames.names),
                details: DetailSettings(
                    credentials: options.enableProcessCred, namespaces: options.enableProcessNs,
                    environment: options.enableProcessEnvironmentVariables, host: hostNamespaces),
                redaction: shape.redaction,
                userNames: Self.userNames(
                    options, file: first.isKnown ? "\(procfs.root)/1/root/etc/passwd" : "/etc/passwd",
                    host: hostNamespaces, log)),
            hub: hub, encoder: encoder, procfs: procfs, hierarchy: hierarchy, scopes: scopes,
            sweepAt: options.processCacheSize,
            log: log,
            containersGone: { gone in
                // The writer thread waits for no disk.
                Task { stored.forget(gone) }
            },
            reachOut: { outreach.ask($0.action, for: $0.policy) })
        self.writer = writer
        runtimes = try RuntimeRecords(options, procfs: procfs, hierarchy: hierarchy, writer: writer, log: log)
        pods = try PodSources(options, writer: writer, log: log)
        let policies = try PolicyRoom(
            options, survey: RealKernelSurvey(features, types: types, procfs: options.procfs),
            kernel: LoadedKernel(
                sensors, configuration, types: types, procfs: procfs, pinning: pins,
                isKept: options.keepSensorsOnExit),
            scopes: scopes, writer: writer, reaching: reachable, log: log)
        self.policies = policies
        let refusals = Refusals(log: log)
        self.refusals = refusals
        exporter = try options.export(shape).map { try JSONExporter($0, hub: hub, encoder: encoder, logger: log) }
        server = APIServer(
            configuration: try .init(options), hub: hub, ready: ready,
            health: { HealthReport(writer.report, hub.accounts, refusals) }, info: { info },
            debug: DebugAccess(
                logLevel: { level.current }, setLogLevel: { level.change(to: $0, log) }, pids: writer.pids,
                page: { await writer.page(of: $0) }),
            sensors: SensorAccess(
                basePrograms: { writer.report.programs }, setTest: writer.setTestSensor,
                stackTree: writer.stackTree, exposesAddresses: { [exposes = options.exposeStackAddresses] in exposes }),
            policies: PolicyAccess(policies.manager, ready),
            containers: { await writer.containers() },
            ledger: { [ready] in ready.isOpen ? await writer.ledger() : nil },
            plan: { [survey] in PlannedPolicy.all(of: $0, on: survey, reaching: reachable) },
            register: { request, peer in
                Failpoint.requestReceived.reach()
                let identity = try ContainerIdentity(request)
                let caller = HookCaller(pid: peer.pid, uid: peer.uid) { peer.isRunning }
                let registration = try resolver.resolve(identity, statePid: request.hook.pid, caller: caller)
                let accepted = try await writer.register(registration)
                Failpoint.containerRegistered.reach()
                stored.keep(registration, initExecs: accepted.initExecs)
                Failpoint.registrationStored.reach()
                // The container waits for the answer, nobody for the line.
                Task {
                    log.info(
                        "container registered",
                        metadata: [
                            "id": "\(identity.id.text)", "pod": "\(identity.podNamespace)/\(identity.podName)",
                            "container": "\(identity.name)", "cgroup": "\(registration.cgroupPath)",
                            "init": "\(registration.initProcess)", "stage": "\(identity.stage?.name ?? "")",
                        ])
                }
            }, refused: { refusals.note($0) }, log: log)
        log.info(
            "starting",
            metadata: [
                "version": "\(Version.current)", "cgroups": "\(hierarchy.root)",
                "cgroup_version": hierarchy.controller == nil ? "2" : "1", "node": "\(options.nodeName)",
            ])
    }

    /// Runs until SIGTERM or SIGINT.
    func run() async throws {
        let hangups = options.reopensExport ? await UnixSignalsSequence(trapping: .sighup) : nil
        var services: [any Service] = []
        // What can fail comes before the sockets, which would stay behind.
        if let address = options.metricsServer { services.append(try await metrics(at: address)) }
        try server.start()
        if let exporter {
            // The hub's end comes before the group's word to the exporter: a service must not leave unasked.
            services.append(
                Running {
                    await exporter.run()
                    try? await gracefulShutdown()
                })
            if let hangups {
                services.append(
                    Running { [log] in
                        // One that came before anybody listened.
                        await exporter.reopen()
                        for await _ in hangups.cancelOnGracefulShutdown() {
                            if await exporter.reopen() { log.info("export file opened anew, as SIGHUP asks for") }
                        }
                    })
            }
        }
        services.append(Running(body: watch))
        services.append(runtimes)
        if !pods.isEmpty { services.append(pods) }
        services.append(policies)
        services.append(Running { [outreach] in await cancelWhenGracefulShutdown { await outreach.run() } })
        services.append(server)
        // Stopped last to first: clients, then the sensors, then the file that shall hold every event.
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0, successTerminationBehavior: .ignore) },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }))
        try await group.run()
        log.info("stopped", metadata: writer.lastLedger.metadata)
    }

    /// From the sensors' attachment to their end.
    private func watch() async throws {
        // Also where the start fails: whoever waits for an event or an answer must not wait for ever.
        defer {
            hub.close()
            writer.refuse()
        }
        try await writer.start(told: stored.take() + spooled.take(keepingIn: stored), found: runtimes.take())
        do {
            try await policies.load()
        } catch {
            // What the thread has is the group's to end, and it does not know of it yet.
            await policies.manager.stop()
            await writer.stop()
            throw error
        }
        ready.open()
        // Most of what the start ran through is never run again.
        apus_forget_startup_code()
        let report = writer.report
        log.info(
            "ready",
            metadata: [
                "ready_ms": "\((WallClock.bootNanoseconds - startedAt) / 1_000_000)",
                "server": "\(options.serverAddress)", "hook": "\(options.hookAddress)",
                "processes": "\(report.processes)", "containers": "\(report.containers)",
            ])
        do {
            try ServiceManager(environment: Environment.all).notify("READY=1")
        } catch {
            log.warning("cannot tell systemd that the agent is ready", metadata: ["error": "\(error)"])
        }
        try? await gracefulShutdown()
        await policies.manager.stop()
        await writer.stop()
    }

    private func metrics(at address: ListenAddress) async throws -> MetricsServer {
        try await MetricsServer(address: address) {
            [writer, hub, refusals, ready, outreach, manager = policies.manager] in
            let report = writer.report
            var exposition = Exposition(report, hub.accounts, refusals.counts, isReady: ready.isOpen)
            exposition.add(outreach.counts)
            exposition.add(manager, report.events)
            return exposition
        }
    }

    private static func userNames(
        _ options: AgentOptions, file: String, host: NamespaceNumbers, _ log: Logger
    ) -> UserNames? {
        guard options.usernameMetadata == .unix else { return nil }
        return UserNames(file: file, host: host) { reason in
            log.warning(
                "cannot read the host's accounts: events have no user.name",
                metadata: ["file": "\(file)", "error": "\(reason)"]
            )
        }
    }

    /// The place of a v1 controller in the kernel's list, which is what BPF must index; -1 for cgroup2.
    private static func subsystem(_ hierarchy: CgroupHierarchy, _ types: KernelTypes?) throws -> Int32 {
        guard let controller = hierarchy.controller else { return -1 }
        guard let index = try (types ?? KernelTypes()).cgroupSubsystem(controller) else {
            throw StartError("the kernel's BTF does not name the cgroup controller \(controller)")
        }
        return index
    }
}

/// A function as a service.
private struct Running: Service {
    let body: @Sendable () async throws -> Void
    func run() async throws { try await body() }
}

// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
internal import Glibc
package import Logging
package import Models

/// What the agent was told, by flags, by variables and by files, in values that need no further checks.
///
/// The parser's own type is the options' type: a flag's name, help, default and check stand in one place.
/// Where values come from is ``AgentOptions/parse(arguments:environment:)``'s business.
package struct AgentOptions: ParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "apus-agent",
        abstract: "Knows which pod and container every process of this node belongs to, and tells what they do.",
        discussion: """
            Every flag may also be a file in the configuration directory (its name is the flag's, its content the \
            value) or a variable (APUS_SERVER_ADDRESS for --server-address). The command line wins over variables, \
            variables win over files; of a flag given twice the last wins.
            """,
        version: Version.current)

    @Option(help: ArgumentHelp("Where GetEvents and the rest of the API is served.", valueName: "address"))
    package var serverAddress = ListenAddress.unix(path: "/var/run/apus/apus.sock")

    @Option(help: ArgumentHelp("PEM file: the certificate of a TCP server address, then its chain.", valueName: "path"))
    package var serverTlsCertFile: String?

    @Option(
        help: ArgumentHelp("PEM file: the certificate's private key, readable by the agent alone.", valueName: "path"))
    package var serverTlsKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "PEM files, separated by commas: authorities; only clients with a certificate of theirs may call.",
            valueName: "paths"))
    package var serverTlsClientCaFiles: PathList?

    @Option(
        help: ArgumentHelp(
            "A group that may read: events, health and version, on a second socket beside the server's.",
            valueName: "group"))
    package var serverGroup: String?

    @Option(
        help: ArgumentHelp(
            "Where probes find the standard gRPC health service alone, host:port or unix:///path.", valueName: "address"
        ),
        transform: AgentOptions.healthAddress)
    package var healthServerAddress: ListenAddress?

    @Option(help: ArgumentHelp("Where the OCI hook reports containers; serves RuntimeHook only.", valueName: "address"))
    package var hookAddress = ListenAddress.unix(path: "/var/run/apus/hook.sock")

    @Option(help: ArgumentHelp("Directory of what must survive a restart.", valueName: "directory"))
    package var stateDir = "/var/lib/apus"

    @Option(
        help: ArgumentHelp(
            "Directory where the hook leaves word of containers while the agent is away.", valueName: "directory"))
    package var spoolDir = usualSpoolDirectory

    @Option(
        help: ArgumentHelp(
            "Directory under /sys/fs/bpf for pinned objects. Agents side by side need different ones.",
            valueName: "name"))
    package var bpfDir = "apus"

    @Option(
        help: ArgumentHelp(
            "Leave the programs of policies in the kernel, pinned below --bpf-dir, however the agent ends: what is forbidden stays so.",
            valueName: "bool"))
    package var keepSensorsOnExit = false

    @Option(
        help: ArgumentHelp(
            "Release what an earlier agent has left below --bpf-dir once this one's policies hold; otherwise it holds until somebody deletes it.",
            valueName: "bool"))
    package var releasePinnedBpf = true

    @Option(help: ArgumentHelp("File to which events are written as JSON lines; - is stdout.", valueName: "path"))
    package var exportFilename: String?

    @Option(help: ArgumentHelp("Mode of the export file, octal.", valueName: "mode"))
    package var exportFilePerm = FileMode(bits: 0o600)

    @Option(help: ArgumentHelp("Size at which the export file is rotated, in megabytes.", valueName: "megabytes"))
    package var exportFileMaxSizeMb = 10

    @Option(
        help: ArgumentHelp(
            "Age at which the export file is rotated, as 90s or 1h30m; 0: its size alone counts.", valueName: "time"))
    package var exportFileRotationInterval = Interval(milliseconds: 0)

    @Option(help: ArgumentHelp("Rotated export files that are kept; 0: all.", valueName: "files"))
    package var exportFileMaxBackups = 5

    @Option(help: ArgumentHelp("Compress rotated export files by gzip.", valueName: "bool"))
    package var exportFileCompress = false

    @Option(parsing: .unconditional, help: ArgumentHelp("Events exported a minute; -1: all.", valueName: "events"))
    package var exportRateLimit = -1

    @Option(
        help: ArgumentHelp(
            "Which events are exported: filters of the API in JSON, one after the other. (default: all)",
            valueName: "filters"))
    package var exportAllowlist = ""

    @Option(help: ArgumentHelp("Which of these are not, in the same form. (default: none)", valueName: "filters"))
    package var exportDenylist = ""

    @Option(
        help: ArgumentHelp(
            "Which fields are exported: field filters of the API in JSON, one after the other. (default: all)",
            valueName: "filters"))
    package var fieldFilters = ""

    @Option(
        help: ArgumentHelp(
            "What is taken out of command lines and environments before anybody sees them: redaction filters of the API in JSON. (default: nothing)",
            valueName: "filters"))
    package var redactionFilters = ""

    @Option(help: ArgumentHelp("Tell the credentials of processes in events.", valueName: "bool"))
    package var enableProcessCred = false

    @Option(help: ArgumentHelp("Tell the namespaces of processes in events.", valueName: "bool"))
    package var enableProcessNs = false

    @Option(
        help: ArgumentHelp(
            "Tell the environment variables of processes in events; --redaction-filters are for them, too.",
            valueName: "bool"))
    package var enableProcessEnvironmentVariables = false

    @Option(
        help: ArgumentHelp(
            "Tell the names of the host's accounts in events: unix (from /etc/passwd) or disabled.", valueName: "kind"))
    package var usernameMetadata = UsernameMetadata.disabled

    @Option(
        help: ArgumentHelp(
            "Events that tell the ancestors of their process: base, which is exec and exit, and with it kprobe, tracepoint, uprobe, usdt, lsm and loader. (default: none)",
            valueName: "kinds"))
    package var enableAncestors = AncestorKinds([])

    @Option(
        help: ArgumentHelp("Tell the addresses of stacks in events, beside the names of functions.", valueName: "bool"))
    package var exposeStackAddresses = false

    @Option(
        help: ArgumentHelp(
            "How many forks, execs and exits each cgroup may have on each CPU in a time before it has no more events: 1000,1s. (default: any)",
            valueName: "number,time"))
    package var cgroupRate: CgroupRate?

    @Option(help: ArgumentHelp("Name of this node in events. (default: $NODE_NAME, else the host name)"))
    package var nodeName = ""

    @Option(help: ArgumentHelp("Name of the cluster in events.", valueName: "name"))
    package var clusterName = ""

    @Option(help: ArgumentHelp("Where the proc file system of the host is mounted.", valueName: "directory"))
    package var procfs = "/proc"

    @Option(
        help: ArgumentHelp("Where the cgroups of the host are mounted. (default: found)", valueName: "directory"))
    package var cgroupRoot: String?

    @Option(
        help: ArgumentHelp(
            "Names of programs that make containers, separated by commas: what happens in their cgroups waits for a hook.",
            valueName: "names"))
    package var runtimeNames = NameList(AgentOptions.usualRuntimes)

    @Option(
        help: ArgumentHelp(
            "The container runtime's CRI socket, unix:///path, asked for containers of which no hook told. (default: found)",
            valueName: "address"))
    package var criEndpoint: String?

    @Option(
        help: ArgumentHelp("Directory of static pod manifests, which tell labels and probes.", valueName: "directory"))
    package var podManifests: String?

    @Option(
        help: ArgumentHelp(
            "Ask the Kubernetes API for this node's pods: their labels, workloads and probes.", valueName: "bool"))
    package var enableK8sApi = false

    @Option(
        help: ArgumentHelp("How to reach the Kubernetes API. (default: the pod's own account)", valueName: "path"))
    package var k8sKubeconfigPath: String?

    @Option(
        help: ArgumentHelp(
            "File of policies that hold from the start on; where one cannot, the agent does not start.",
            valueName: "path"))
    package var tracingPolicy: String?

    @Option(
        help: ArgumentHelp(
            "Directory of files with policies, each of which holds as long as its file is there.",
            valueName: "directory"))
    package var tracingPolicyDir = AgentOptions.defaultPolicyDir

    @Option(
        help: ArgumentHelp(
            "Hosts that policies may have the agent reach by GetUrl and DnsLookup, separated by commas; *: any. (default: none)",
            valueName: "hosts"))
    package var policyOutreachAllow = HostList([])

    @Option(
        help: ArgumentHelp("Size of the ring between kernel and agent: a power of two, 64K to 1G.", valueName: "size"))
    package var rbSize = AgentOptions.defaultRing

    @Option(help: ArgumentHelp("Events that wait for one client before it loses some.", valueName: "events"))
    package var eventQueueSize = 16_000

    @Option(
        help: ArgumentHelp(
            "Table size from which processes whose exit was lost are looked for.", valueName: "processes"))
    package var processCacheSize = 65_536

    @Option(
        help: ArgumentHelp(
            "Where Prometheus finds /metrics, host:port; :port is every address of the host.", valueName: "address"),
        transform: AgentOptions.metricsAddress)
    package var metricsServer: ListenAddress?

    @Option(
        help: "trace, debug, info, notice, warning, error or critical. (default: info)",
        transform: AgentOptions.logLevel)
    package var logLevel = Logger.Level.info

    @Option(help: "text or json.")
    package var logFormat = LogFormat.text

    @Option(help: ArgumentHelp("Directory of files that are flags.", valueName: "directory"))
    package var configDir = AgentOptions.defaultConfigDir

    /// A megabyte a processor, rounded up to a power of two, from 2 to 32. It counts twice in the agent's resident
    /// memory, because it is mapped twice in a row; between two looks of the reader a processor fills some 16 KB of it.
    package static let defaultRing: ByteSize = {
        let processors = min(max(sysconf(Int32(_SC_NPROCESSORS_CONF)), 2), 32)
        var megabytes = 2
        while megabytes < processors { megabytes *= 2 }
        return ByteSize(bytes: megabytes << 20)
    }()

    package static let usualRuntimes = [
        "runc", "crun", "youki", "runsc", "conmon", "conmonrs", "containerd-shim", "containerd-shim-runc-v1",
        "containerd-shim-runc-v2",
    ]

    package static let defaultConfigDir = "/etc/apus/apus.conf.d"

    package static let defaultPolicyDir = "/etc/apus/apus.tp.d"

    package init() {}

    package func validate() throws {
        try require(
            rbSize.bytes.nonzeroBitCount == 1 && (64 << 10...1 << 30).contains(rbSize.bytes), "--rb-size",
            rbSize, "must be a power of two from 64K to 1G")
        try require(
            (1...1 << 24).contains(eventQueueSize), "--event-queue-size", eventQueueSize,
            "must be from 1 to 16777216")
        try require(
            (1024...1 << 24).contains(processCacheSize), "--process-cache-size", processCacheSize,
            "must be from 1024 to 16777216")
        try require(
            !bpfDir.isEmpty && !bpfDir.contains("/") && !bpfDir.contains("."), "--bpf-dir", bpfDir,
            "must be one plain directory name without dots, which the kernel does not take there")
        try require(exportFilename != "", "--export-filename", "", "must be a path, or - for stdout")
        try require(
            (1...1 << 20).contains(exportFileMaxSizeMb), "--export-file-max-size-mb", exportFileMaxSizeMb,
            "must be from 1 to 1048576")
        try require(
            (0...10_000).contains(exportFileMaxBackups), "--export-file-max-backups", exportFileMaxBackups,
            "must be from 0 to 10000")
        try require(
            (-1...100_000_000).contains(exportRateLimit), "--export-rate-limit", exportRateLimit,
            "must be from -1 to 100000000")
        let interval = exportFileRotationInterval.milliseconds
        try require(
            interval == 0 || (1000...31_536_000_000).contains(interval), "--export-file-rotation-interval",
            exportFileRotationInterval, "must be 0, or from 1s to 8760h")
        for (flag, path) in [
            ("--state-dir", stateDir), ("--spool-dir", spoolDir), ("--procfs", procfs), ("--config-dir", configDir),
            ("--cgroup-root", cgroupRoot ?? "/"), ("--pod-manifests", podManifests ?? "/"),
            ("--k8s-kubeconfig-path", k8sKubeconfigPath ?? "/"), ("--tracing-policy", tracingPolicy ?? "/"),
            ("--tracing-policy-dir", tracingPolicyDir),
            ("--server-tls-cert-file", serverTlsCertFile ?? "/"), ("--server-tls-key-file", serverTlsKeyFile ?? "/"),
        ] {
            try require(path.hasPrefix("/"), flag, path, "must be an absolute path")
        }
        try require(serverGroup != "", "--server-group", "", "must be a group's name or number")
    }

    /// What must agree between several flags, each of which may come from another source.
    func validateTogether() throws {
        guard (serverTlsCertFile == nil) == (serverTlsKeyFile == nil) else {
            throw ValidationError("'--server-tls-cert-file' and '--server-tls-key-file' come together")
        }
        guard serverTlsClientCaFiles == nil || serverTlsCertFile != nil else {
            throw ValidationError("'--server-tls-client-ca-files' needs '--server-tls-cert-file'")
        }
        let isUnix = if case .unix = serverAddress { true } else { false }
        guard !isUnix || serverTlsCertFile == nil else {
            throw ValidationError("'--server-tls-cert-file' needs a '--server-address' that is host:port")
        }
        guard isUnix || serverGroup == nil else {
            throw ValidationError("'--server-group' needs a '--server-address' that is a unix socket")
        }
    }

    private func require(_ holds: Bool, _ flag: String, _ value: some CustomStringConvertible, _ rule: String) throws {
        guard holds else { throw ValidationError("The value '\(value)' is invalid for '\(flag)': it \(rule)") }
    }

    /// Reads a level by its name; `warn` is one too.
    package static func logLevel(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text == "warn" ? "warning" : text) else {
            throw ValidationError("it must be trace, debug, info, notice, warning, error or critical")
        }
        return level
    }

    /// Reads a unix address, `host:port`, or `:port` for all addresses.
    package static func healthAddress(_ text: String) throws -> ListenAddress {
        guard let address = ListenAddress(text.hasPrefix(":") ? "0.0.0.0" + text : text) else {
            throw ValidationError("it must be unix:///path, host:port or :port")
        }
        return address
    }

    /// Reads `host:port`, or `:port` for all addresses.
    package static func metricsAddress(_ text: String) throws -> ListenAddress {
        guard case .tcp(let host, let port)? = ListenAddress(text.hasPrefix(":") ? "0.0.0.0" + text : text) else {
            throw ValidationError("it must be host:port or :port")
        }
        return .tcp(host: host, port: port)
    }

    /// A flag's key. Spelled out so that the names of all flags can be listed: any variable `APUS_…` that is none
    /// of them belongs to somebody else (Kubernetes sets APUS_PORT and the like for a service called "apus").
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case serverAddress, serverTlsCertFile, serverTlsKeyFile, serverTlsClientCaFiles, serverGroup
        case healthServerAddress, hookAddress, stateDir, spoolDir, bpfDir, keepSensorsOnExit, releasePinnedBpf
        case exportFilename, exportFilePerm
        case exportFileMaxSizeMb, exportFileRotationInterval, exportFileMaxBackups, exportFileCompress
        case exportRateLimit, exportAllowlist, exportDenylist, fieldFilters, redactionFilters, enableProcessCred
        case enableProcessNs, enableProcessEnvironmentVariables, usernameMetadata, enableAncestors, exposeStackAddresses
        case cgroupRate, nodeName
        case clusterName, procfs, cgroupRoot, runtimeNames, criEndpoint, podManifests, enableK8sApi, k8sKubeconfigPath
        case tracingPolicy, tracingPolicyDir, policyOutreachAllow
        case rbSize, eventQueueSize, processCacheSize, metricsServer, logLevel, logFormat, configDir
    }
}

/// A file's permission bits, read as octal.
package struct FileMode: Sendable, Equatable, ExpressibleByArgument, CustomStringConvertible {
    package let bits: UInt32

    package init(bits: UInt32) { self.bits = bits }

    package init?(argument: String) {
        guard let bits = UInt32(argument, radix: 8), bits <= 0o777 else { return nil }
        self.bits = bits
    }

    package var description: String { "0" + String(bits, radix: 8) }
    package var defaultValueDescription: String { description }
}

/// Where the names of accounts come from.
package enum UsernameMetadata: String, Sendable, ExpressibleByArgument {
    case unix, disabled
}

/// Kinds of events, by the names that operators know.
package struct AncestorKinds: Sendable, Equatable, ExpressibleByArgument, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// Exec and exit.
        case base
        case kprobe, tracepoint, uprobe, usdt, lsm, loader
    }

    package let kinds: [Kind]

    package init(_ kinds: [Kind]) { self.kinds = kinds }

    package init?(argument: String) {
        let names = argument.split(separator: ",").map(\.trimmed)
        let kinds = names.compactMap(Kind.init)
        // The others' ancestors are those that execs tell of.
        guard kinds.count == names.count, kinds.isEmpty || kinds.contains(.base) else { return nil }
        self.kinds = kinds
    }

    package var description: String { kinds.map(\.rawValue).joined(separator: ",") }
    package var defaultValueDescription: String { description }
}

/// So many in so long a time, as `1000,1s`.
package struct CgroupRate: Sendable, Equatable, ExpressibleByArgument, CustomStringConvertible {
    package let events: UInt64
    package let interval: Interval

    package init?(argument: String) {
        let words = argument.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
        guard words.count == 2, let events = UInt64(words[0]), (1...1 << 32).contains(events),
            let interval = Interval(words[1]), (1...3_600_000).contains(interval.milliseconds)
        else { return nil }
        self.events = events
        self.interval = interval
    }

    package var nanoseconds: UInt64 { interval.milliseconds * 1_000_000 }
    package var description: String { "\(events),\(interval)" }
    package var defaultValueDescription: String { description }
}

/// Names separated by commas.
package struct NameList: Sendable, Equatable, ExpressibleByArgument, CustomStringConvertible {
    package let names: [String]

    package init(_ names: [String]) { self.names = names }

    package init?(argument: String) {
        let names = argument.split(separator: ",").map(\.trimmed)
        guard names.allSatisfy({ !$0.isEmpty && !$0.contains("/") }) else { return nil }
        self.names = names
    }

    package var description: String { names.joined(separator: ",") }
    package var defaultValueDescription: String { description }
}

/// Absolute paths separated by commas.
package struct PathList: Sendable, Equatable, ExpressibleByArgument, CustomStringConvertible {
    package let paths: [String]

    package init?(argument: String) {
        let paths = argument.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
        guard paths.allSatisfy({ $0.hasPrefix("/") }) else { return nil }
        self.paths = paths
    }

    package var description: String { paths.joined(separator: ",") }
}

extension ListenAddress: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
    package var defaultValueDescription: String { description }
}

extension ByteSize: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
    package var defaultValueDescription: String { description }
}

extension Interval: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
    package var defaultValueDescription: String { description }
}

extension LogFormat: ExpressibleByArgument {}

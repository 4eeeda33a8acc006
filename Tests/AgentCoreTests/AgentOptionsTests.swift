// SPDX-License-Identifier: Apache-2.0
import Foundation
import Logging
import Models
import Testing

@testable import AgentCore

@Suite final class AgentOptionsTests {
    private let directory: String

    init() throws {
        directory = "/tmp/apus-test-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func options(
        _ arguments: [String] = [], environment: [String: String] = [:], files: [String: String] = [:]
    ) throws -> AgentOptions {
        for (name, content) in files {
            try content.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
        }
        let invocation = try AgentOptions.parse(
            arguments: ["--config-dir", directory] + arguments, environment: environment)
        guard case .run(let options) = invocation else {
            throw OptionError(description: "asked to print, not to run")
        }
        return options
    }

    private func message(
        _ arguments: [String] = [], environment: [String: String] = [:], files: [String: String] = [:]
    ) -> String {
        let error = #expect(throws: OptionError.self) {
            _ = try options(arguments, environment: environment, files: files)
        }
        return error?.description ?? ""
    }

    @Test func agentNeedsNoFlags() throws {
        guard case .run(let options) = try AgentOptions.parse(arguments: [], environment: [:]) else { return }
        #expect(options.serverAddress == .unix(path: "/var/run/apus/apus.sock"))
        #expect(options.hookAddress == .unix(path: "/var/run/apus/hook.sock"))
        #expect(options.stateDir == "/var/lib/apus")
        #expect(options.spoolDir == "/var/lib/apus/spool")
        #expect(options.bpfDir == "apus")
        #expect(!options.keepSensorsOnExit && options.releasePinnedBpf)
        #expect(options.exportFilename == nil)
        #expect(options.exportFilePerm.bits == 0o600)
        #expect(options.exportFileMaxSizeMb == 10 && options.exportFileMaxBackups == 5)
        #expect(options.exportFileRotationInterval.milliseconds == 0 && !options.exportFileCompress)
        #expect(options.exportRateLimit == -1)
        #expect(options.procfs == "/proc")
        #expect(options.runtimeNames.names.contains("runc") && options.runtimeNames.names.contains("crun"))
        #expect(options.cgroupRoot == nil)
        #expect(options.rbSize.bytes == AgentOptions.defaultRing.bytes)
        #expect(options.rbSize.bytes >= 2 << 20)
        #expect(options.eventQueueSize == 16_000)
        #expect(options.logLevel == .info)
        #expect(options.logFormat == .text)
        #expect(!options.nodeName.isEmpty)
    }

    @Test("what is told of processes beside the usual is off until it is asked for")
    func processFlags() throws {
        let usual = try options()
        #expect(!usual.enableProcessCred && !usual.enableProcessNs && !usual.enableProcessEnvironmentVariables)
        #expect(usual.enableAncestors.kinds.isEmpty && usual.usernameMetadata == .disabled)
        let all = try options(
            ["--enable-process-environment-variables"], environment: ["APUS_USERNAME_METADATA": "unix"])
        #expect(all.enableProcessEnvironmentVariables && all.usernameMetadata == .unix)
        #expect(message(["--username-metadata", "ldap"]).contains("--username-metadata"))
    }

    @Test("the server's flags are read")
    func serverFlags() throws {
        let tls = try options([
            "--server-address", "0.0.0.0:54321", "--server-tls-cert-file", "/c", "--server-tls-key-file", "/k",
            "--server-tls-client-ca-files", "/a, /b", "--health-server-address", ":6789",
        ])
        #expect(tls.serverTlsCertFile == "/c" && tls.serverTlsKeyFile == "/k")
        #expect(tls.serverTlsClientCaFiles?.paths == ["/a", "/b"])
        #expect(tls.healthServerAddress == .tcp(host: "0.0.0.0", port: 6789))
        let group = try options(["--server-group", "adm", "--health-server-address", "unix:///h.sock"])
        #expect(group.serverGroup == "adm" && group.healthServerAddress == .unix(path: "/h.sock"))
        let values = Dictionary(uniqueKeysWithValues: tls.list.map { ($0.flag, $0.value) })
        #expect(values["server-tls-client-ca-files"] == "/a,/b" && values["health-server-address"] == "0.0.0.0:6789")
    }

    @Test("flags that need each other may come from different sources")
    func tlsFromSeveralSources() throws {
        let options = try options(
            ["--server-tls-key-file", "/k"], environment: ["APUS_SERVER_TLS_CERT_FILE": "/c"],
            files: ["server-address": "0.0.0.0:54321", "server-tls-client-ca-files": "/a"])
        #expect(options.serverTlsCertFile == "/c" && options.serverTlsKeyFile == "/k")
        let alone = message(environment: ["APUS_SERVER_TLS_CERT_FILE": "/c"])
        #expect(alone.hasPrefix("in all sources together: ") && alone.contains("come together"), "\(alone)")
    }

    @Test("flags of the server that do not go together are refused")
    func serverFlagsTogether() {
        let tls = ["--server-tls-cert-file", "/c", "--server-tls-key-file", "/k"]
        #expect(message(["--server-address", "h:1", "--server-tls-cert-file", "/c"]).contains("come together"))
        #expect(message(["--server-tls-client-ca-files", "/a"]).contains("needs '--server-tls-cert-file'"))
        #expect(message(tls).contains("needs a '--server-address' that is host:port"))
        #expect(message(["--server-address", "h:1", "--server-tls-client-ca-files", "a"] + tls).contains("'a'"))
        #expect(message(["--server-address", "h:1", "--server-group", "g"]).contains("that is a unix socket"))
        #expect(message(["--health-server-address", "nonsense"]).contains("nonsense"))
        #expect(message(["--server-tls-cert-file", "c", "--server-tls-key-file", "/k"]).contains("absolute path"))
    }

    @Test func optionsInEffectAreListedUnderTheirFlags() throws {
        let list = try options(["--rb-size", "1M", "--export-filename", "-"]).list
        let values = Dictionary(uniqueKeysWithValues: list.map { ($0.flag, $0.value) })
        #expect(values.count == AgentOptions.CodingKeys.allCases.count)
        #expect(values["rb-size"] == "1M" && values["export-filename"] == "-" && values["cgroup-root"] == "")
        #expect(values["server-address"] == "unix:///var/run/apus/apus.sock" && values["log-level"] == "info")
        #expect(values["export-file-perm"] == "0600" && values["config-dir"] == directory)
    }

    @Test func everyFlagIsRead() throws {
        let options = try options([
            "--server-address", "localhost:54321", "--hook-address=unix:///run/h.sock", "--state-dir", "/s",
            "--bpf-dir", "other", "--keep-sensors-on-exit", "--release-pinned-bpf=false", "--export-filename", "-",
            "--export-file-perm", "640", "--node-name", "n",
            "--export-file-max-size-mb", "3", "--export-file-max-backups", "0", "--export-file-compress",
            "--export-file-rotation-interval", "1h30m", "--export-rate-limit", "600",
            "--cluster-name", "c", "--procfs", "/host/proc", "--cgroup-root", "/host/cgroup", "--runtime-names",
            "runc, mine", "--rb-size", "1M",
            "--cri-endpoint", "unix:///c.sock", "--pod-manifests", "/m", "--enable-k8s-api", "--k8s-kubeconfig-path",
            "/k", "--event-queue-size", "5", "--process-cache-size", "2048", "--log-level", "warn", "--log-format",
            "json",
        ])
        #expect(options.serverAddress == .tcp(host: "localhost", port: 54321))
        #expect(options.hookAddress == .unix(path: "/run/h.sock"))
        #expect(options.stateDir == "/s")
        #expect(options.bpfDir == "other")
        #expect(options.keepSensorsOnExit && !options.releasePinnedBpf)
        #expect(options.exportFilename == "-")
        #expect(options.exportFilePerm.bits == 0o640)
        #expect(options.exportFileMaxSizeMb == 3 && options.exportFileMaxBackups == 0 && options.exportFileCompress)
        #expect(options.exportFileRotationInterval.milliseconds == 5_400_000)
        #expect(options.exportRateLimit == 600)
        #expect(options.nodeName == "n")
        #expect(options.clusterName == "c")
        #expect(options.procfs == "/host/proc")
        #expect(options.runtimeNames.names == ["runc", "mine"])
        #expect(options.cgroupRoot == "/host/cgroup")
        #expect(options.criEndpoint == "unix:///c.sock")
        #expect(options.podManifests == "/m")
        #expect(options.enableK8sApi)
        #expect(options.k8sKubeconfigPath == "/k")
        #expect(options.rbSize.bytes == 1 << 20)
        #expect(options.eventQueueSize == 5)
        #expect(options.processCacheSize == 2048)
        #expect(options.logLevel == .warning)
        #expect(options.logFormat == .json)
    }

    @Test("what events tell, and which are exported, is read")
    func eventOptions() throws {
        let usual = try options()
        #expect(usual.exportAllowlist.isEmpty && usual.exportDenylist.isEmpty && usual.enableAncestors.kinds.isEmpty)
        #expect(!usual.enableProcessCred && !usual.enableProcessNs)
        let given = try options(
            ["--enable-process-cred", "--enable-process-ns", "--enable-ancestors", "base"],
            environment: ["APUS_EXPORT_DENYLIST": #"{"pid": [1]}"#],
            files: ["export-allowlist": #"{"pid": [1]}"# + "\n" + #"{"pid": [2]}"# + "\n"])
        #expect(given.enableProcessCred && given.enableProcessNs && given.enableAncestors.kinds == [.base])
        #expect(given.exportAllowlist == #"{"pid": [1]}"# + "\n" + #"{"pid": [2]}"#)
        #expect(given.exportDenylist == #"{"pid": [1]}"#)
        #expect(try options(["--enable-ancestors", ""]).enableAncestors.kinds == [])
        #expect(message(["--enable-ancestors", "kprobe"]).contains("--enable-ancestors"))
        #expect(message(["--enable-ancestors", "base,fork"]).contains("--enable-ancestors"))
        #expect(try options(["--enable-ancestors", "base,lsm"]).enableAncestors.kinds == [.base, .lsm])
    }

    @Test("the rate of a cgroup is a number and a time")
    func cgroupRate() throws {
        #expect(try options().cgroupRate == nil && !options().exposeStackAddresses)
        let rate = try options(["--cgroup-rate", "1000,1m30s", "--expose-stack-addresses"])
        #expect(rate.cgroupRate?.events == 1000 && rate.cgroupRate?.nanoseconds == 90_000_000_000)
        #expect(rate.exposeStackAddresses && rate.cgroupRate?.description == "1000,1m30s")
        for wrong in ["", "1000", "1000,", "0,1s", "-1,1s", "x,1s", "5,0", "5,2h", "5,1s,2", "5000000000,1s"] {
            #expect(message(["--cgroup-rate", wrong]).contains("--cgroup-rate"), "\(wrong)")
        }
    }

    @Test("hosts that policies may reach are names, addresses, or all")
    func outreach() throws {
        #expect(try options().policyOutreachAllow.names == [])
        let given = try options(["--policy-outreach-allow", "a.example, 10.0.0.1,fd00::1"]).policyOutreachAllow
        #expect(given.names == ["a.example", "10.0.0.1", "fd00::1"] && "\(given)" == "a.example,10.0.0.1,fd00::1")
        #expect(try options([], files: ["policy-outreach-allow": "*\n"]).policyOutreachAllow.names == ["*"])
        for wrong in ["http://a", "a:80", "*.example", "a b", "[::1]", "a/b"] {
            #expect(message(["--policy-outreach-allow", wrong]).contains("--policy-outreach-allow"), "\(wrong)")
        }
    }

    @Test("policies come from a directory, and from a file that is named")
    func policyFlags() throws {
        let usual = try options()
        #expect(usual.tracingPolicy == nil && usual.tracingPolicyDir == "/etc/apus/apus.tp.d")
        let given = try options(["--tracing-policy", "/p.yaml", "--tracing-policy-dir", "/d"])
        #expect(given.tracingPolicy == "/p.yaml" && given.tracingPolicyDir == "/d")
        let values = Dictionary(uniqueKeysWithValues: given.list.map { ($0.flag, $0.value) })
        #expect(values["tracing-policy"] == "/p.yaml" && values["tracing-policy-dir"] == "/d")
        let elsewhere = try options(
            environment: ["APUS_TRACING_POLICY": "/v.yaml"], files: ["tracing-policy-dir": "/f\n"])
        #expect(elsewhere.tracingPolicy == "/v.yaml" && elsewhere.tracingPolicyDir == "/f")
        for flag in ["--tracing-policy", "--tracing-policy-dir"] {
            for wrong in ["relative", "./d", ""] {
                let text = message([flag, wrong])
                #expect(text.contains(flag) && text.contains("absolute"), "\(text)")
            }
        }
    }

    @Test func commandLineWinsOverVariablesAndTheyWinOverFiles() throws {
        let files = ["cluster-name": "file\n", "node-name": "file", "bpf-dir": "file"]
        let environment = ["APUS_CLUSTER_NAME": "variable", "APUS_NODE_NAME": "variable"]
        let options = try options(["--cluster-name", "flag"], environment: environment, files: files)
        #expect(options.clusterName == "flag")
        #expect(options.nodeName == "variable")
        #expect(options.bpfDir == "file")
    }

    @Test func aSwitchMayStandAloneAndHasAValueElsewhere() throws {
        #expect(try !options([]).enableK8sApi)
        #expect(try !options(["--enable-k8s-api", "--enable-k8s-api=false"]).enableK8sApi)
        #expect(try options([], environment: ["APUS_ENABLE_K8S_API": "true"]).enableK8sApi)
        #expect(try options([], files: ["enable-k8s-api": "true\n"]).enableK8sApi)
    }

    @Test func ofAFlagGivenTwiceTheLastWins() throws {
        #expect(try options(["--bpf-dir", "a", "--bpf-dir=b"]).bpfDir == "b")
    }

    @Test func valuesMayLookLikeFlags() throws {
        let options = try options(environment: ["APUS_CLUSTER_NAME": "--help"], files: ["node-name": "-x y=z"])
        #expect(options.clusterName == "--help")
        #expect(options.nodeName == "-x y=z")
    }

    @Test func nodeNameComesFromItsVariableOrTheHost() throws {
        #expect(try options(environment: ["NODE_NAME": "worker-1"]).nodeName == "worker-1")
        #expect(try options(["--node-name", "n"], environment: ["NODE_NAME": "worker-1"]).nodeName == "n")
        #expect(try options().nodeName == ProcessInfo.processInfo.hostName)
    }

    @Test func variableMayNameTheDirectory() throws {
        try "here".write(toFile: directory + "/cluster-name", atomically: false, encoding: .utf8)
        let invocation = try AgentOptions.parse(arguments: [], environment: ["APUS_CONFIG_DIR": directory])
        guard case .run(let options) = invocation else { return }
        #expect(options.clusterName == "here")
    }

    @Test func foreignVariablesAreIgnored() throws {
        #expect(try options(environment: ["APUS_PORT": "tcp://10.0.0.1:80"]).bpfDir == "apus")
    }

    @Test func hiddenFilesAreNotFlagsAndUnknownOnesAreRefused() throws {
        #expect(try options(files: ["..data": "x"]).bpfDir == "apus")
        let expected = "in the file \(directory)/rb-sise: there is no flag --rb-sise that a file may set"
        #expect(message(files: ["rb-sise": "1M"]) == expected)
    }

    @Test func badValueIsOneLineWithFlagPlaceAndValue() throws {
        let cases: [(String, [String])] = [
            (message(["--rb-size", "3M"]), ["on the command line", "--rb-size", "'3M'", "power of two"]),
            (message(["--rb-size", "huge"]), ["on the command line", "--rb-size", "'huge'"]),
            (
                message(environment: ["APUS_SERVER_ADDRESS": "nowhere"]),
                ["in the variable APUS_SERVER_ADDRESS", "--server-address", "'nowhere'"]
            ),
            (
                message(files: ["log-level": "loud"]),
                ["in the file \(directory)/log-level", "--log-level", "'loud'", "trace, debug"]
            ),
            (message(["--event-queue-size", "0"]), ["--event-queue-size", "'0'"]),
            (message(["--export-file-perm", "999"]), ["--export-file-perm", "'999'"]),
            (message(["--export-file-max-size-mb", "0"]), ["--export-file-max-size-mb", "'0'", "from 1"]),
            (message(["--export-file-max-backups=-1"]), ["--export-file-max-backups", "'-1'"]),
            (message(["--export-rate-limit", "-2"]), ["--export-rate-limit", "'-2'", "from -1"]),
            (
                message(["--export-file-rotation-interval", "10ms"]),
                ["--export-file-rotation-interval", "'10ms'", "1s"]
            ),
            (
                message(["--export-file-rotation-interval", "1 day"]),
                ["--export-file-rotation-interval", "'1 day'"]
            ),
            (message(["--bpf-dir", "../x"]), ["--bpf-dir", "'../x'", "plain directory name"]),
            (message(["--bpf-dir", "a.b"]), ["--bpf-dir", "'a.b'", "without dots"]),
            (message(["--keep-sensors-on-exit=perhaps"]), ["--keep-sensors-on-exit", "'perhaps'"]),
            (message(["--procfs", "proc"]), ["--procfs", "'proc'", "absolute"]),
            (message(["--no-such-flag"]), ["on the command line", "--no-such-flag"]),
        ]
        for (text, parts) in cases {
            for part in parts { #expect(text.contains(part), "\(text)") }
            #expect(!text.contains("\n"), "\(text)")
        }
    }

    @Test func missingDirectoryThatWasNamedIsAnError() throws {
        #expect(message(["--config-dir", "/no/such"]).hasPrefix("cannot read the configuration directory /no/such: "))
    }

    @Test func helpAndVersionArePrinted() throws {
        guard case .print(let help) = try AgentOptions.parse(arguments: ["--help"], environment: [:]) else {
            Issue.record("--help did not ask to print")
            return
        }
        #expect(help.contains("--server-address <address>"))
        #expect(help.contains("(default: unix:///var/run/apus/apus.sock)"))
        guard case .print(let version) = try AgentOptions.parse(arguments: ["--version"], environment: [:]) else {
            Issue.record("--version did not ask to print")
            return
        }
        #expect(version == Version.current)
    }
}

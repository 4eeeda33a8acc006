// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Fields of Process that an action fills, each with the value that /proc or the action itself tells, and beside it
    /// where the field is absent.
    @Suite struct ProcessFieldsTests {
        private static let all = [
            "--enable-process-cred", "--enable-process-ns", "--enable-process-environment-variables",
            "--enable-ancestors", "base", "--username-metadata", "unix",
        ]

        /// A program that sleeps, with an argument of its own, for the length of `body`; and its exec event.
        private func sleeping(
            _ events: EventStream, _ words: [String], _ body: (Command, Event) async throws -> Void
        ) async throws {
            let nap = "1000.\(UInt32.random(in: 1...UInt32.max))"
            let command = try Command(words + ["/bin/sleep", nap])
            defer { command.signal(SIGKILL) }
            try await body(command, try await events.exec(nap))
        }

        private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

        private func status(_ pid: pid_t, _ key: String) throws -> [String] {
            let line = try text("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix(key + ":") } ?? ""
            return line.split(whereSeparator: \.isWhitespace).dropFirst().map(String.init)
        }

        private func namespace(_ pid: pid_t, _ name: String) throws -> UInt32 {
            let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/\(name)")
            return UInt32(link.filter(\.isNumber)) ?? 0
        }

        @Test func whatNobodyAskedForIsAbsent() async throws {
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    try await sleeping(events, ["env", "-i", "A=1"]) { _, exec in
                        let process = exec.process
                        #expect(!process.hasUser && !process.hasNs && !process.hasProcessCredentials)
                        #expect(process.environmentVariables.isEmpty && exec.message.processExec.ancestors.isEmpty)
                        #expect(!process.hasBinaryProperties && !process.hasPod && process.docker.isEmpty)
                        #expect(process.hasCap && !exec.parent.hasBinaryProperties)
                        #expect(exec.parent.environmentVariables.isEmpty && !exec.parent.hasUser)
                    }
                }
            }
        }

        @Test func credentialsAreThoseThatProcShows() async throws {
            try await AgentProcess.with(Self.all) { agent in
                try await EventStream.with(agent) { events in
                    let words = [
                        "setpriv", "--reuid", "65534", "--regid", "65533", "--clear-groups",
                        "--securebits", "+noroot,+noroot_locked,+keep_caps_locked",
                    ]
                    try await sleeping(events, words) { command, exec in
                        try expectCredentials(command.pid, exec)
                        let told = exec.process.processCredentials
                        #expect(told.euid.value == 65534 && told.egid.value == 65533)
                        #expect(told.securebits == [.secBitNoRoot, .secBitNoRootLocked, .secBitKeepCapsLocked])
                        #expect(told.userNs.level.value == 0 && told.userNs.ns.isHost)
                        #expect(told.caps.effective.isEmpty)
                    }
                    try await sleeping(events, ["env", "-i"]) { command, exec in
                        try expectCredentials(command.pid, exec)
                        #expect(exec.process.processCredentials.securebits.isEmpty)
                        #expect(!exec.process.processCredentials.caps.effective.isEmpty)
                    }
                    let user = [
                        "setpriv", "--reuid", "65534", "--regid", "65533", "--clear-groups", "unshare", "--user",
                        "--map-root-user",
                    ]
                    try await sleeping(events, user) { command, exec in
                        try expectCredentials(command.pid, exec)
                        let told = exec.process.processCredentials
                        #expect(told.userNs.level.value == 1 && !told.userNs.ns.isHost)
                        #expect(told.userNs.uid.value == 65534 && told.userNs.gid.value == 65533)
                        // Root there is nobody here.
                        #expect(told.euid.value == 65534 && !told.caps.effective.isEmpty)
                    }
                }
            }
        }

        private func expectCredentials(_ pid: pid_t, _ exec: Event) throws {
            let told = exec.process.processCredentials
            #expect(
                try [told.uid, told.euid, told.suid, told.fsuid].map { "\($0.value)" } == status(pid, "Uid"))
            #expect(
                try [told.gid, told.egid, told.sgid, told.fsgid].map { "\($0.value)" } == status(pid, "Gid"))
            #expect(told.hasUid && told.hasGid && told.hasFsgid && told.caps == exec.process.cap)
            for (key, set) in [
                ("CapPrm", told.caps.permitted), ("CapEff", told.caps.effective), ("CapInh", told.caps.inheritable),
            ] {
                let bits = try UInt64(status(pid, key).first ?? "", radix: 16) ?? 0
                #expect(set.map(\.rawValue) == (0..<41).filter { bits >> UInt64($0) & 1 == 1 }, "\(key)")
            }
            #expect(try told.userNs.ns.inum == namespace(pid, "user"))
        }

        @Test func namespacesAreThoseThatProcShows() async throws {
            try await AgentProcess.with(Self.all) { agent in
                try await EventStream.with(agent) { events in
                    for words in [
                        ["env", "-i"], ["unshare", "--mount", "--uts", "--ipc", "--net", "--cgroup"],
                        ["unshare", "--time", "--fork", "--kill-child"],
                    ] {
                        try await sleeping(events, words) { _, exec in
                            let (pid, ns) = (pid_t(exec.process.pid.value), exec.process.ns)
                            for (name, told) in [
                                ("uts", ns.uts), ("ipc", ns.ipc), ("mnt", ns.mnt), ("pid", ns.pid),
                                ("pid_for_children", ns.pidForChildren), ("net", ns.net), ("time", ns.time),
                                ("time_for_children", ns.timeForChildren), ("cgroup", ns.cgroup), ("user", ns.user),
                            ] {
                                let own = try namespace(getpid(), name)
                                #expect(try told.inum == namespace(pid, name), "\(name) of \(words)")
                                #expect(told.isHost == (told.inum == own), "\(name) of \(words)")
                            }
                            #expect(
                                ns.mnt.isHost == (words[1] != "--mount") && ns.time.isHost == (words[1] != "--time"))
                        }
                    }
                }
            }
        }

        @Test func loginUserIdIsTold() async throws {
            // Only kernels with CONFIG_AUDIT have one.
            let file = "/proc/self/loginuid"
            let hasOne = FileManager.default.fileExists(atPath: file)
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    let (plain, set) = (uniqueWord("plain"), uniqueWord("set"))
                    try await Command.succeed(["/bin/true", plain])
                    try await Command.succeed(["/bin/sh", "-c", "echo 1234 >\(file); exec /bin/true \(set)"])
                    let own = hasOne ? UInt32(try text(file)) : nil
                    #expect(try await events.exec(plain).process.auid.value == own ?? .max)
                    #expect(try await events.exec(set).process.auid.value == (hasOne ? 1234 : .max))
                }
            }
        }

        @Test func whatTheFileGivesIsToldOfItsExecAlone() async throws {
            let directory = try TemporaryDirectory()
            chmod(directory.path, 0o755)
            func copy(_ name: String, _ mode: mode_t) throws -> String {
                try FileManager.default.copyItem(atPath: Artifacts.testProgram("leave"), toPath: directory(name))
                chmod(directory(name), mode)
                return directory(name)
            }
            let files = [
                "plain": try copy("plain", 0o755), "setuid": try copy("setuid", 0o4755),
                "setgid": try copy("setgid", 0o2755), "caps": try copy("caps", 0o755),
            ]
            try await Command.succeed(["setcap", "cap_net_raw+ep", directory("caps")])
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    for (name, expected) in [
                        ("plain", nil),
                        (
                            "setuid",
                            .with {
                                $0.setuid = .init(0)
                                $0.privilegesChanged = [.privilegesRaisedExecFileSetuid]
                            }
                        ),
                        (
                            "setgid",
                            .with {
                                $0.setgid = .init(0)
                                $0.privilegesChanged = [.privilegesRaisedExecFileSetgid]
                            }
                        ), ("caps", .with { $0.privilegesChanged = [.privilegesRaisedExecFileCap] }),
                    ] as [(String, Tetragon_BinaryProperties?)] {
                        let word = uniqueWord(name)
                        let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
                        let run = try Artifacts.testProgram("run")
                        // The program between has no capabilities any more, as setpriv still has.
                        _ = try await Command(nobody + [run, "plain", files[name] ?? "", "exit", "0", word]).outcome()
                        let exec = try await events.exec("exit 0 \(word)")
                        let told = exec.process.hasBinaryProperties ? exec.process.binaryProperties : nil
                        #expect(told == expected, "\(name)")
                        let exit = try await events.exit(of: exec)
                        #expect(!exit.process.hasBinaryProperties)
                    }
                }
            }
        }

        @Test func howAProcessCameIsToldInWords() async throws {
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    let (forked, replaced, root) = (uniqueWord("forked"), uniqueWord("replaced"), uniqueWord("root"))
                    try await Command.succeed([
                        "/bin/sh", "-c", "cd /tmp; /bin/true \(forked); exec /bin/true \(replaced)",
                    ])
                    try await Command.succeed(["env", "-C", "/", "/bin/true", root])
                    let exec = try await events.exec(forked)
                    #expect(exec.process.flags == "execve clone")
                    #expect(exec.process.refcnt == 1 && exec.parent.refcnt == 2)
                    #expect(try await events.exit(of: exec).process.refcnt == 0)
                    #expect(try await events.exec(replaced).process.flags == "execve")
                    #expect(try await events.exec(root).process.flags == "execve rootcwd")
                    #expect(try await events.exec(root).process.cwd == "/")
                }
            }
        }

        // MARK: Environment

        private static let redaction = #"{"redact": ["SECRET_TOKEN=(\\S*)"]}"#

        @Test func environmentIsToldAndSecretsLeaveNowhere() async throws {
            let flags = Self.all + ["--redaction-filters", Self.redaction]
            let secret = uniqueWord("hunter")
            let given = ["A=1", "B=two words", "SECRET_TOKEN=\(secret)", "EMPTY="]
            let masked = [["A", "1"], ["B", "two words"], ["SECRET_TOKEN", "*****"], ["EMPTY", ""]]
            func told(_ process: Tetragon_Process) -> [[String]] {
                process.environmentVariables.map { [$0.key, $0.value] }
            }
            // One that is there before the agent.
            let old = try Command(["env", "-i"] + given + ["/bin/sleep", "1000"])
            defer { old.signal(SIGKILL) }
            try await eventually("the old process to run") {
                try text("/proc/\(old.pid)/comm") == "sleep\n"
            }
            try await AgentProcess.with(flags) { agent in
                try await EventStream.with(agent) { events in
                    let long = uniqueWord("long")
                    try await sleeping(events, ["env", "-i"] + given) { command, exec in
                        #expect(told(exec.process) == masked)
                        let dump = try await agent.withClient {
                            try await $0.getDebug(.with { $0.flag = .dumpProcessCache }).processes.processes
                        }
                        for pid in [command.pid, old.pid] {
                            let process = dump.first { $0.process.pid.value == UInt32(pid) }?.process
                            #expect(process.map(told) == masked)
                        }
                        command.signal(SIGKILL)
                        #expect(try await told(events.exit(of: exec).process) == masked)
                    }
                    // A child of it without an environment, and one with more than is told.
                    let bare = uniqueWord("bare")
                    try await Command.succeed(["env", "-i"] + given + ["/usr/bin/env", "-i", "/bin/true", bare])
                    let child = try await events.exec(bare)
                    #expect(child.process.environmentVariables.isEmpty && told(child.parent) == masked)
                    let large = (0..<3).map { "L\($0)=" + String(repeating: "l", count: 100_000) }
                    try await Command.succeed(["env", "-i"] + large + ["/bin/true", long])
                    let cut = try await events.exec(long).process
                    #expect(cut.environmentVariables.map(\.key) == ["L0", "L1"])
                    #expect(cut.environmentVariables.map(\.value.utf8.count) == [100_000, 100_000])
                    #expect(cut.flags.split(separator: " ").contains("truncEnvs") && !cut.flags.contains("truncArgs"))
                }
                let exported = try ExportedEvents.read(agent.exportFile, containing: "\"pid\":\(old.pid),")
                let found = exported.first { $0.process.pid.value == UInt32(old.pid) && $0.isExec }
                #expect(found.map { told($0.process) } == masked)
                #expect(found?.process.flags.contains("procFS") == true)
                #expect(try !text(agent.exportFile).contains(secret))
                #expect(try text(agent.exportFile).contains("SECRET_TOKEN=*****"))
            }
        }

        @Test func fieldFiltersAndExpressionsKnowTheEnvironment() async throws {
            try await AgentProcess.with(Self.all) { agent in
                let (yes, no) = (uniqueWord("yes"), uniqueWord("no"))
                let request =
                    #"{"allow_list": [{"event_set": ["PROCESS_EXEC"], "cel_expression": ["#
                    + #""process_exec.process.environment_variables.exists(v, v.Key == 'APUS_WANTED')"]}], "#
                    + #""field_filters": [{"fields": "process.arguments,process.environmentVariables"}]}"#
                let stream = try ForeignStream(agent, request)
                defer { stream.stop() }
                try await stream.subscribed()
                try await Command.succeed(["env", "-i", "/bin/true", no])
                try await Command.succeed(["env", "-i", "APUS_WANTED=1", "OTHER=2", "/bin/true", yes])
                var seen: [Event] = []
                try await eventually("the event with the variable") {
                    seen = try stream.events
                    return seen.contains { $0.process.arguments == yes }
                }
                #expect(seen.map(\.process.arguments) == [yes])
                #expect(seen[0].process.environmentVariables.map(\.key) == ["APUS_WANTED", "OTHER"])
                #expect(seen[0].process.binary.isEmpty)
            }
        }

        // MARK: Accounts

        @Test func accountsAreTheHostsAndForItsProcessesAlone() async throws {
            func name(_ uid: uid_t) -> String { getpwuid(uid).map { String(cString: $0.pointee.pw_name) } ?? "" }
            try await AgentProcess.with(Self.all) { agent in
                try await EventStream.with(agent) { events in
                    func user(_ words: [String]) async throws -> String? {
                        let word = uniqueWord("user")
                        try await Command.succeed(words + ["/bin/true", word])
                        let process = try await events.exec(word).process
                        return process.hasUser ? process.user.name : nil
                    }
                    let nobody = ["setpriv", "--reuid", "65534", "--clear-groups"]
                    #expect(try await user(["env"]) == name(0))
                    #expect(try await user(nobody) == name(65534))
                    #expect(name(54321).isEmpty)
                    #expect(try await user(["setpriv", "--reuid", "54321", "--clear-groups"]) == nil)
                    #expect(try await user(["unshare", "--mount"]) == nil)
                    #expect(try await user(nobody + ["unshare", "--user"]) == nil)
                    // An image may call root what it likes.
                    var setup = ContainerSetup()
                    setup.files["/etc/passwd"] = "mallory:x:0:0::/:/bin/sh\n"
                    try await RuncContainer.with(agent, setup) { container in
                        let word = uniqueWord("inside")
                        try await container.exec("/bin/true", word)
                        let process = try await events.exec(word).process
                        #expect(process.uid.value == 0 && !process.hasUser)
                    }
                }
            }
        }

        // MARK: Pods

        @Test func podContainerAndImageAreWhatTheManifestAndTheAnnotationsSay() async throws {
            let manifests = try TemporaryDirectory()
            var setup = ContainerSetup()
            setup.pod.name = uniqueWord("front")
            try """
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "\(setup.pod.name)",
             "namespace": "\(setup.pod.namespace)", "uid": "\(setup.pod.uid)", "labels": {"app": "front", "tier": "web"}},
             "spec": {"containers": [{"name": "\(setup.pod.container)", "image": "\(setup.pod.image)"}]}}
            """.write(toFile: manifests("front.json"), atomically: false, encoding: .utf8)
            try await AgentProcess.with(["--pod-manifests", manifests.path]) { agent in
                try await EventStream.with(agent) { events in
                    try await RuncContainer.with(agent, setup) { container in
                        let word = uniqueWord("pod")
                        try await container.exec("/bin/true", word)
                        let exec = try await events.exec(word)
                        let pod = exec.process.pod
                        #expect(pod.name == setup.pod.name && pod.namespace == setup.pod.namespace)
                        #expect(pod.uid == setup.pod.uid && pod.podLabels == ["app": "front", "tier": "web"])
                        #expect(pod.workload == setup.pod.name && pod.workloadKind == "Pod")
                        #expect(pod.container.id.hasSuffix("://" + container.id))
                        #expect(pod.container.name == setup.pod.container)
                        #expect(pod.container.image.name == setup.pod.image && pod.container.image.id.isEmpty)
                        #expect(pod.container.pid.value > 1 && pod.container.pid.value < exec.process.pid.value)
                        #expect(!pod.container.maybeExecProbe)
                        #expect(exec.process.docker == String(container.id.prefix(15)))
                        #expect(try await events.exit(of: exec).process.pod == pod)
                    }
                }
            }
        }
    }
}

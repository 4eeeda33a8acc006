// SPDX-License-Identifier: Apache-2.0
import CRecords
import Containers
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Events
@testable import Processes

@Suite("Capabilities, credentials, namespaces and ancestors as they are told")
struct RightsEncodingTests {
    private func image(
        pid: UInt32 = 9, arguments: String = "", capabilities: CapabilitySets? = nil, details: ProcessDetails? = nil,
        environment: String? = nil, user: String = ""
    ) -> ProcessImage {
        ProcessImage(
            execID: "bjox", parentExecID: "", pid: pid, tid: pid, namespacePid: 0, uid: 0, loginUid: 0, cwd: "/",
            binary: "/bin/sh", arguments: arguments, flags: "", startTime: 0, inInitTree: false, container: nil,
            containerKey: nil, properties: nil, namespaces: nil, capabilities: capabilities, details: details,
            environment: environment.map { text in
                Array(text.utf8).withUnsafeBytes { EnvironmentVariables($0, mask: nil) }
            }, user: user)
    }

    /// Both encodings say the same, and all of it is the API's.
    private func decoded(
        _ process: ProcessImage, kind: ProcessEvent.Kind = .exec, ancestors: Ancestors = .none, telling: Bool = true
    ) throws -> Tetragon_GetEventsResponse {
        let event = EventEncoder(node: "n", cluster: "", ancestors: telling).encode(
            ProcessEvent(
                kind: kind, bootTime: 1, time: 1, process: process, references: 1, parent: nil, parentReferences: 0,
                ancestors: ancestors), formats: [.protobuf, .json])
        let fromProtobuf = try event.message.withUnsafeBytes {
            try Tetragon_GetEventsResponse(serializedBytes: Array($0))
        }
        let fromJSON = try Tetragon_GetEventsResponse(jsonUTF8Bytes: event.json)
        #expect(fromProtobuf == fromJSON)
        return fromProtobuf
    }

    @Test("capabilities need no flag; every one has the API's name")
    func capabilities() throws {
        let all: UInt64 = 1 << 41 - 1
        let cap = try decoded(
            image(capabilities: CapabilitySets(permitted: all, effective: 1 << 21 | 1 << 1, inheritable: 0))
        ).processExec.process.cap
        #expect(cap.permitted == Tetragon_CapabilitiesType.allCases)
        #expect(cap.effective == [.dacOverride, .capSysAdmin])
        #expect(cap.inheritable == [])
        let none = try decoded(
            image(capabilities: CapabilitySets(permitted: 0, effective: 0, inheritable: 0))
        ).processExec.process
        #expect(none.hasCap && none.cap == Tetragon_Capabilities())
        #expect(try !decoded(image()).processExec.process.hasCap)
    }

    private var record: rec_exec {
        var record = rec_exec()
        record.creds.uid = 1000
        record.creds.gid = 1001
        record.creds.euid = 0
        record.creds.egid = 1002
        record.creds.suid = 3
        record.creds.sgid = 4
        record.creds.fsuid = 5
        record.creds.fsgid = .max
        record.creds.securebits = 0b1010_0001
        record.creds.user_ns_level = 2
        record.creds.user_ns_owner_uid = 1000
        record.creds.user_ns_owner_gid = 7
        record.ns = rec_namespaces(
            uts: 101, ipc: 102, mnt: 103, pid: 104, pid_for_children: 105, net: 4_026_531_840, time: 0,
            time_for_children: 0, cgroup: 108, user: 109)
        return record
    }

    private var host: NamespaceNumbers {
        NamespaceNumbers(
            rec_namespaces(
                uts: 101, ipc: 2, mnt: 3, pid: 4, pid_for_children: 4, net: 4_026_531_840, time: 6,
                time_for_children: 6, cgroup: 7, user: 109))
    }

    @Test("credentials are told with their flag")
    func credentials() throws {
        let sets = CapabilitySets(permitted: 1, effective: 1, inheritable: 1)
        let details = ProcessDetails(record, DetailSettings(credentials: true, host: host))
        let process = try decoded(image(capabilities: sets, details: details)).processExec.process
        #expect(!process.hasNs)
        let told = process.processCredentials
        #expect([told.uid, told.euid, told.suid, told.fsuid].map(\.value) == [1000, 0, 3, 5])
        #expect([told.gid, told.egid, told.sgid, told.fsgid].map(\.value) == [1001, 1002, 4, .max])
        #expect(told.hasEuid)
        #expect(told.securebits == [.secBitNoRoot, .secBitKeepCapsLocked, .secBitNoCapAmbientRaiseLocked])
        #expect(told.caps == process.cap && told.caps.effective == [.capChown])
        #expect(told.userNs.level.value == 2 && told.userNs.uid.value == 1000 && told.userNs.gid.value == 7)
        #expect(told.userNs.ns.inum == 109 && told.userNs.ns.isHost)
    }

    @Test("every secure bit has the API's name", arguments: 0..<8)
    func secureBit(_ bit: Int) throws {
        var record = record
        record.creds.securebits = 1 << UInt32(bit)
        let details = ProcessDetails(record, DetailSettings(credentials: true, host: host))
        let told = try decoded(image(details: details)).processExec.process.processCredentials.securebits
        let names: [Tetragon_SecureBitsType] = [
            .secBitNoRoot, .secBitNoRootLocked, .secBitNoSetUidFixup, .secBitNoSetUidFixupLocked, .secBitKeepCaps,
            .secBitKeepCapsLocked, .secBitNoCapAmbientRaise, .secBitNoCapAmbientRaiseLocked,
        ]
        #expect(told == [names[bit]])
    }

    @Test("namespaces are told with theirs; a kind that the kernel has not is left out")
    func namespaces() throws {
        let details = ProcessDetails(record, DetailSettings(namespaces: true, host: host))
        let process = try decoded(image(details: details)).processExec.process
        #expect(!process.hasProcessCredentials)
        let told = process.ns
        #expect(told.uts.inum == 101 && told.uts.isHost)
        #expect(told.net.inum == 4_026_531_840 && told.net.isHost)
        #expect(told.user.inum == 109 && told.user.isHost)
        #expect(
            [told.ipc, told.mnt, told.pid, told.pidForChildren, told.cgroup].map(\.inum) == [102, 103, 104, 105, 108])
        #expect(![told.ipc, told.mnt, told.pid, told.pidForChildren, told.cgroup].contains { $0.isHost })
        #expect(!told.hasTime && !told.hasTimeForChildren)
        #expect(ProcessDetails(record, DetailSettings(host: host)) == nil)
    }

    @Test("environment variables are told in their order, as they are")
    func environment() throws {
        func told(_ memory: String?) throws -> [[String]] {
            try decoded(image(environment: memory)).processExec.process.environmentVariables.map { [$0.key, $0.value] }
        }
        #expect(
            try told("PATH=/bin:/usr/bin\0A=b=c\0EMPTY=\0no equals sign\0=odd\0A=again\0Q=\"\\\n☃\0") == [
                ["PATH", "/bin:/usr/bin"], ["A", "b=c"], ["EMPTY", ""], ["no equals sign", ""], ["", "odd"],
                ["A", "again"], ["Q", "\"\\\n☃"],
            ])
        #expect(try told("").isEmpty && told("\0\0").isEmpty && told(nil).isEmpty)
        let many = (0..<3000).map { "VARIABLE_\($0)=" + String(repeating: "v", count: $0 % 90) }
        #expect(try told(many.map { $0 + "\0" }.joined()).map { $0.joined(separator: "=") } == many)
    }

    @Test("the account's name is told where there is one")
    func user() throws {
        #expect(try decoded(image(user: "nobody")).processExec.process.user.name == "nobody")
        #expect(try !decoded(image()).processExec.process.hasUser)
    }

    @Test("an ancestor has no environment, the parent has")
    func environmentOfAncestors() throws {
        let family = image(pid: 7, environment: "SECRET=1\0")
        let exec = try decoded(image(), ancestors: Ancestors.none.adding(family)).processExec
        #expect(exec.ancestors.map(\.pid.value) == [7] && exec.ancestors[0].environmentVariables.isEmpty)
        #expect(family.environment != nil && !exec.ancestors[0].flags.contains("truncArgs"))
    }

    @Test("ancestors are told of exec and exit where they are asked for, nearest first")
    func ancestors() throws {
        let ancestors = Ancestors.none.adding(image(pid: 1)).adding(image(pid: 7)).adding(image(pid: 8))
        let exec = try decoded(image(), ancestors: ancestors).processExec
        #expect(exec.ancestors.map(\.pid.value) == [8, 7, 1])
        #expect(exec.ancestors[0].execID == "bjox" && exec.ancestors[0].binary == "/bin/sh")
        let exit = try decoded(image(), kind: .exit(code: 9), ancestors: ancestors).processExit
        #expect(exit.ancestors.map(\.pid.value) == [8, 7, 1] && exit.signal == "SIGKILL")
        #expect(try decoded(image(), ancestors: ancestors, telling: false).processExec.ancestors.isEmpty)
    }

    @Test("an event that has been handed out holds no family")
    func forgotten() async throws {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "s", format: .protobuf, capacity: 10) {
            !$0.ancestors.map(\.pid).isEmpty
        }
        let family = FilterSample.event(ancestors: [image(pid: 7)])
        hub.publish { _ in [family, FilterSample.event()] }
        let events = await subscription.next(upTo: 10)
        #expect(events?.count == 1)
        #expect(events?[0].ancestors.map(\.pid) == [])
    }
}

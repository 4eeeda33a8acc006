// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite struct ContainerTests {
    private let scratch: Scratch
    private let runtime: RuntimeSide

    init() throws {
        scratch = try Scratch()
        runtime = try RuntimeSide(scratch)
    }

    @Test func aContainerGetsTheHook() throws {
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        let answer = try conversation.call("CreateContainer", Wire.container())
        #expect(
            answer
                == Wire.response(
                    Wire.adjustment(
                        path: "/usr/local/bin/apus-oci-hook", arguments: ["apus-oci-hook", "createRuntime"] + spool,
                        timeout: 5)
                ))
        #expect(plugin.hasSaid(#"msg="the container gets the hook" container=app id=3f9c namespace=shop pod=shop-1"#))
    }

    @Test func everyFlagIsInTheHook() throws {
        let plugin = try PluginProcess.connecting(
            scratch, "--hook-path=/opt/apus/bin/hook", "--stage=createContainer", "--hook-timeout=600",
            "--agent-address=unix:/run/a.sock", "--log-format=json", "--log-level=error")
        let conversation = try runtime.acceptRegistered()
        #expect(
            try conversation.call("CreateContainer", Wire.container())
                == Wire.response(
                    Wire.adjustment(
                        list: 3, path: "/opt/apus/bin/hook",
                        arguments: ["hook", "createContainer"] + spool + ["--agent-address", "unix:///run/a.sock"],
                        timeout: 600)))
        #expect(try conversation.call("CreateContainer", []) == [])
        #expect(plugin.hasSaid(#""msg":"a container starts without the hook""#))
        #expect(!plugin.log.contains("gets the hook"))
    }

    @Test(arguments: [
        (2, "/usr/local/bin/apus-oci-hook", true), (3, "/usr/local/bin/apus-oci-hook", true),
        (2, "/elsewhere/apus-oci-hook", true), (2, "/usr/bin/nvidia-container-runtime-hook", false),
        (3, "/usr/local/bin/apus-oci-hook-2", false), (2, "", false),
        // Poststop hooks run when the container is gone.
        (6, "/usr/local/bin/apus-oci-hook", false),
    ])
    func aContainerThatHasTheHookDoesNotGetItTwice(list: Int, path: String, isOurs: Bool) throws {
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        let hooks = Wire.field(list, Wire.field(1, "/bin/other")) + Wire.field(list, Wire.field(1, path))
        let answer = try conversation.call("CreateContainer", Wire.container(hooks: hooks))
        #expect(answer == Wire.response(isOurs ? [] : Wire.usualAdjustment))
        #expect(plugin.hasSaid(isOurs ? "the container has the hook already" : "the container gets the hook"))
    }

    @Test func whatThePluginDoesNotKnowIsSkipped() throws {
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        // Labels, arguments and mounts of a container, an 3 MB environment, and a field that does not exist yet.
        let rest =
            Wire.field(5, Wire.field(1, "key") + Wire.field(2, "value")) + Wire.field(7, "sleep")
            + Wire.field(8, [UInt8](repeating: 0x41, count: 3_000_000)) + Wire.field(9, Wire.field(1, "/proc"))
            + Wire.field(500, [0xff, 0xfe])
        let request = Wire.field(2, Wire.field(1, "3f9c") + rest) + Wire.field(77, integer: 3)
        #expect(try conversation.call("CreateContainer", request) == Wire.response(Wire.usualAdjustment))
        #expect(!plugin.log.contains("level=error"))
    }

    @Test(
        arguments: [
            [], Wire.field(1, Wire.field(2, "pod")), Wire.field(2, []), Wire.field(2, Wire.field(3, "without id")),
            [0xff, 0xff, 0xff], Wire.field(2, Wire.field(1, [0xc3, 0x28])), [0x12, 0x7f, 0x0a],
            Wire.field(2, Wire.field(1, "id") + Wire.field(10, [0x12, 0x05])),
        ] as [[UInt8]])
    func anOddRequestIsAnsweredWithoutAnAdjustment(payload: [UInt8]) throws {
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        #expect(try conversation.call("CreateContainer", payload) == [])
        #expect(plugin.hasSaid(#"level=error room=apus-nri msg="a container starts without the hook""#))
        // And the connection goes on.
        #expect(try conversation.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
    }

    @Test func requestsThatComeByteByByteOrTogetherAreAnsweredInTurn() throws {
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        let request = Wire.request("CreateContainer", Wire.container())
        let streams = (0..<3).map { _ in conversation.nextStream() }
        for byte in Wire.frame(1, stream: streams[0], request) { try conversation.send(Wire.piece(1, [byte])) }
        try conversation.send(
            Wire.piece(1, Wire.frame(1, stream: streams[1], request) + Wire.frame(1, stream: streams[2], request)))
        for stream in streams {
            let answer = try conversation.receive()
            #expect(answer.stream == stream)
            #expect(answer.payload == Wire.response(Wire.usualAdjustment))
        }
        #expect(!plugin.log.contains("level=error"))
    }

    @Test(arguments: ["x", "\u{1b}"])
    func namesCannotForgeALogLineOrMakeOneThatIsLong(filler: Character) throws {
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        let name = "a\nlevel=critical\u{1b}[31m" + String(repeating: filler, count: 4000)
        _ = try conversation.call("CreateContainer", Wire.container(id: name, name: name, pod: name, namespace: name))
        #expect(plugin.hasSaid("gets the hook"))
        #expect(plugin.log.split(separator: "\n").allSatisfy { $0.hasPrefix("time=") && $0.utf8.count < 4096 })
        #expect(!plugin.log.contains("\u{1b}"))
    }

    @Test func aLogThatNobodyReadsHoldsNoContainer() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        ends.forEach { _ = fcntl($0, F_SETFD, FD_CLOEXEC) }
        defer { ends.forEach { close($0) } }
        let plugin = try PluginProcess(scratch, ["--socket-path", scratch.socket], errors: ends[1])
        let conversation = try runtime.acceptRegistered()
        // A pipe holds 64 KiB, which some 400 lines fill.
        for _ in 0..<1000 {
            #expect(try conversation.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
        }
        #expect(plugin.exitCode(within: 0) == nil)
    }
}

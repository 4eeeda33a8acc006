// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite struct LifeTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test func aRuntimeThatRestartsIsFoundAgain() throws {
        var runtime: RuntimeSide? = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        var conversation = try runtime?.acceptRegistered()
        // It dies: its socket and its connections are gone at once, in the middle of a frame.
        try conversation?.send([0, 0, 0, 1, 0])
        conversation = nil
        runtime = nil
        #expect(plugin.hasSaid("connecting to the runtime at \(scratch.socket)"))
        let next = try RuntimeSide(scratch).acceptRegistered()
        #expect(try next.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
    }

    @Test func aRuntimeThatIsNotThereYetIsWaitedForAndMissedOnce() throws {
        let plugin = try PluginProcess.connecting(scratch)
        #expect(plugin.hasSaid("No such file or directory"))
        usleep(1_500_000)
        #expect(plugin.lines(with: "level=error").count == 1)
        let conversation = try RuntimeSide(scratch).acceptRegistered()
        #expect(try conversation.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
    }

    @Test func theRuntimesOwnConnectionIsServedToItsEnd() throws {
        let (conversation, other) = try pair()
        let plugin = try PluginProcess(
            scratch, name: "10-apus",
            environment: ["NRI_PLUGIN_NAME=apus", "NRI_PLUGIN_IDX=10", "NRI_PLUGIN_SOCKET=3"], inherited: other)
        close(other)
        try conversation.register(configuration: "hook-path=/opt/hook")
        #expect(
            try conversation.call("CreateContainer", Wire.container())
                == Wire.response(
                    Wire.adjustment(path: "/opt/hook", arguments: ["hook", "createRuntime"] + spool, timeout: 5)))
        #expect(plugin.exitCode(within: 0.2) == nil)
        conversation.hangUp()
        // The runtime starts another one; this one does not look for a socket.
        #expect(plugin.exitCode() == 0)
        #expect(!plugin.log.contains("level=error"))
    }

    @Test func aHostileConnectionOfTheRuntimesOwnIsTheEnd() throws {
        let (conversation, other) = try pair()
        let plugin = try PluginProcess(scratch, environment: ["NRI_PLUGIN_SOCKET=3"], inherited: other)
        close(other)
        try conversation.register()
        try conversation.send(Wire.piece(Wire.plugin, Wire.frame(9, stream: 3, [])))
        #expect(plugin.exitCode() == 1)
        #expect(plugin.lines(with: "level=critical").count == 1)
        #expect(plugin.log.contains("the unknown type 9"))
    }

    @Test(arguments: ["3", "1", "-1", "x", "99999999999"])
    func aDescriptorThatIsNoConnectionIsRefused(text: String) throws {
        let plugin = try PluginProcess(
            scratch, ["--socket-path", scratch.socket], environment: ["NRI_PLUGIN_SOCKET=\(text)"])
        #expect(plugin.exitCode() == 1)
        #expect(plugin.log.contains("NRI_PLUGIN_SOCKET=\(text)"))
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aSignalEndsIt(signal: Int32) throws {
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        kill(plugin.pid, signal)
        #expect(plugin.exitCode() == 0)
        #expect(conversation.isHungUpOn())
    }

    @Test(arguments: [
        ["--stage", "poststop"], ["--plugin-index", "1"], ["--plugin-index", "1a"], ["--plugin-name", "a b"],
        ["--plugin-name", ""], ["--hook-path", "hook"], ["--hook-timeout", "0"], ["--hook-timeout", "5s"],
        ["--agent-address", "localhost:5"], ["--socket-path", "nri.sock"], ["--log-level", "loud"], ["--fly"],
    ])
    func aCommandLineWithAMistakeIsRefused(arguments: [String]) throws {
        let plugin = try PluginProcess(scratch, arguments)
        #expect(plugin.exitCode() == 2)
        #expect(plugin.log.contains(arguments[0]))
    }

    @Test func theVersionIsTold() throws {
        let plugin = try PluginProcess(scratch, ["--version"])
        #expect(plugin.exitCode() == 0)
        #expect(scratch.read("output").wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
        #expect(plugin.log.isEmpty)
    }

    private func pair() throws -> (Conversation, Int32) {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        return (Conversation(ends[0]), ends[1])
    }
}

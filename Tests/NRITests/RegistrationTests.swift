// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite struct RegistrationTests {
    /// The first words of both sides, byte by byte.
    @Test func thePluginRegistersAndSubscribesToCreateContainerAlone() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.accept()

        // Channel 2, 68 bytes; a frame of 58 bytes, stream 1, a request without flags;
        // service, method, and as payload the name and the index.
        let registration: [UInt8] =
            [0, 0, 0, 2, 0, 0, 0, 0x44, 0, 0, 0, 0x3a, 0, 0, 0, 1, 1, 0]
            + [0x0a, 0x1c] + Array("nri.pkg.api.v1alpha1.Runtime".utf8) + [0x12, 0x0e] + Array("RegisterPlugin".utf8)
            + [0x1a, 0x0a, 0x0a, 4] + Array("apus".utf8) + [0x12, 2] + Array("10".utf8)
        #expect(try conversation.read(registration.count) == registration)
        try conversation.send([0, 0, 0, 2, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0])

        // Configure, with the runtime's name and nothing more.
        try conversation.send(
            [0, 0, 0, 1, 0, 0, 0, 0x40, 0, 0, 0, 0x36, 0, 0, 0, 1, 1, 0]
                + [0x0a, 0x1b] + Array("nri.pkg.api.v1alpha1.Plugin".utf8) + [0x12, 0x09] + Array("Configure".utf8)
                + [0x1a, 0x0c, 0x12, 0x0a] + Array("containerd".utf8))
        // Field 2 of the answer is 8: bit 3, which is event 4.
        let answer: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0x0e, 0, 0, 0, 4, 0, 0, 0, 1, 2, 0, 0x12, 2, 0x10, 8]
        #expect(try conversation.read(answer.count) == answer)
        #expect(conversation.isSilent(milliseconds: 200))
        #expect(plugin.hasSaid("runtime=containerd"))
        #expect(!plugin.log.contains("level=error"))
    }

    @Test(
        arguments: [
            (["--plugin-name", "sky", "--plugin-index", "07"], "apus-nri", [], "sky", "07"),
            ([], "42-lark", [], "lark", "42"),
            ([], "42-lark", ["NRI_PLUGIN_NAME=tern", "NRI_PLUGIN_IDX=55"], "tern", "55"),
            (["--plugin-name", "sky"], "42-lark", ["NRI_PLUGIN_NAME=tern", "NRI_PLUGIN_IDX=55"], "sky", "55"),
            ([], "4-lark", ["NRI_PLUGIN_NAME="], "apus", "10"),
        ] as [([String], String, [String], String, String)])
    func nameAndIndexAreTheFlagsElseTheRuntimesElseTheFiles(
        arguments: [String], file: String, environment: [String], name: String, index: String
    ) throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess(
            scratch, ["--socket-path", scratch.socket] + arguments, name: file, environment: environment)
        let registration = try runtime.accept().receive()
        #expect(
            registration.payload
                == Wire.request("RegisterPlugin", Wire.field(1, name) + Wire.field(2, index), service: "Runtime"))
        #expect(plugin.hasSaid("plugin=\(index)-\(name)"))
    }

    @Test func configurationMayComeBeforeTheAnswerToTheRegistration() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.accept()
        _ = try conversation.receive()
        #expect(try conversation.call("Configure") == Wire.response(Wire.field(2, integer: 8)))
        try conversation.send(Wire.piece(Wire.runtime, Wire.frame(2, stream: 1, [])))
        #expect(
            try conversation.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
        #expect(!plugin.log.contains("level=error"))
    }

    @Test func aRefusalIsLoggedAndThePluginTriesAgain() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.accept()
        _ = try conversation.receive()
        let refusal = Wire.field(1, Wire.field(1, integer: 2) + Wire.field(2, "no room\nlevel=forged"))
        try conversation.send(Wire.piece(Wire.runtime, Wire.frame(2, stream: 1, refusal)))
        #expect(conversation.isHungUpOn())
        #expect(plugin.hasSaid(#"refused: no room\nlevel=forged (code 2)"#))
        #expect(plugin.lines(with: "level=forged").allSatisfy { $0.hasPrefix("time=") })
        _ = try runtime.acceptRegistered()
    }

    @Test func aRuntimeThatHangsUpDuringTheRegistrationIsAFailure() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        try runtime.accept().hangUp()
        #expect(plugin.hasSaid("the runtime closed the connection"))
        #expect(plugin.lines(with: "level=error").count == 1)
        _ = try runtime.acceptRegistered()
    }

    @Test func theConfigurationFileWinsOverTheCommandLine() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch, "--hook-path=/opt/first", "--hook-timeout=7")
        let conversation = try runtime.acceptRegistered(
            configuration: "# ours\n\n  hook-path=/opt/second \nstage=createContainer\n")
        #expect(
            try conversation.call("CreateContainer", Wire.container())
                == Wire.response(
                    Wire.adjustment(
                        list: 3, path: "/opt/second", arguments: ["second", "createContainer"] + spool, timeout: 7))
        )
        #expect(!plugin.log.contains("level=error"))
    }

    @Test(arguments: ["stage=poststop", "log-level=debug", "hook-path", "help", "\u{1}", "hook-timeout=0"])
    func aConfigurationFileWithAMistakeIsAsIfThereWereNone(text: String) throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered(configuration: text)
        #expect(try conversation.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
        #expect(plugin.lines(with: "cannot use the plugin's configuration file").count == 1)
    }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite struct OtherCallTests {
    private let scratch: Scratch
    private let runtime: RuntimeSide
    private let plugin: PluginProcess

    init() throws {
        scratch = try Scratch()
        runtime = try RuntimeSide(scratch)
        plugin = try PluginProcess.connecting(scratch)
    }

    @Test func theContainersThatAreThereMayComeInParts() throws {
        let conversation = try runtime.acceptRegistered()
        let containers = Wire.field(2, [UInt8](repeating: 0, count: 3_900_000))
        for _ in 0..<3 {
            // The answer repeats that there is more: the runtime's sign that the plugin knows of parts.
            #expect(
                try conversation.call("Synchronize", containers + Wire.field(3, integer: 1))
                    == Wire.response(Wire.field(2, integer: 1)))
        }
        #expect(try conversation.call("Synchronize", containers) == [])
        #expect(try conversation.call("Synchronize") == [])
        #expect(!plugin.log.contains("level=error"))
    }

    @Test func whatIsNotSubscribedToIsAnsweredWithNothing() throws {
        let conversation = try runtime.acceptRegistered()
        for method in [
            "StateChange", "RunPodSandbox", "UpdatePodSandbox", "PostUpdatePodSandbox", "StopPodSandbox",
            "RemovePodSandbox", "PostCreateContainer", "StartContainer", "PostStartContainer", "UpdateContainer",
            "PostUpdateContainer", "StopContainer", "RemoveContainer", "ValidateContainerAdjustment",
        ] {
            #expect(try conversation.call(method, [0xff]) == [], "\(method)")
        }
        #expect(!plugin.log.contains("level=error"))
    }

    @Test(arguments: [("Fly", "Plugin"), ("CreateContainer", "Runtime"), ("", "Plugin"), ("createcontainer", "Plugin")])
    func anUnknownMethodIsAnsweredAsUnimplemented(method: String, service: String) throws {
        let conversation = try runtime.acceptRegistered()
        let message = "no method \(method) of nri.pkg.api.v1alpha1.\(service)"
        #expect(
            try conversation.call(method, service: service)
                == Wire.field(1, Wire.field(1, integer: 12) + Wire.field(2, message)))
        #expect(try conversation.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
    }

    @Test func aLongMethodNameComesBackShort() throws {
        let conversation = try runtime.acceptRegistered()
        let answer = try conversation.call(String(repeating: "m", count: 1_000_000))
        #expect(answer.starts(with: [0x0a]) && answer.count < 600)
    }

    @Test(arguments: ["Configure", "Synchronize"])
    func aCallThatCannotBeReadIsAnsweredWithAnError(method: String) throws {
        let conversation = try runtime.acceptRegistered()
        let answer = try conversation.call(method, [0xff, 0xff])
        // Status, whose code is 3: invalid argument.
        #expect(answer.first == 0x0a && answer.dropFirst(2).starts(with: [0x08, 3]))
        #expect(plugin.hasSaid("cannot read a call of the runtime"))
    }

    @Test func afterAShutdownThePluginWaitsForTheNextRuntime() throws {
        let conversation = try runtime.acceptRegistered()
        #expect(try conversation.call("Shutdown") == [])
        #expect(plugin.hasSaid("the runtime goes away"))
        conversation.hangUp()
        let next = try runtime.acceptRegistered()
        #expect(try next.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
        #expect(!plugin.log.contains("level=error"))
    }
}

// SPDX-License-Identifier: Apache-2.0
internal import Logging
internal import SwiftProtobuf

/// What the plugin answers to the runtime's calls. An error as an answer to CreateContainer would fail the container, so
/// there is none.
package struct PluginService {
    static let name = "nri.pkg.api.v1alpha1.Plugin"
    /// The bit mask of CreateContainer alone.
    static let events: Int32 = 1 << (NRIEvent.createContainer.rawValue - 1)

    /// Something for the log.
    struct Note {
        var level: Logger.Level
        var message: Logger.Message
        var metadata: Logger.Metadata = [:]
    }

    struct Answer {
        var response = TTRPCResponse()
        /// To be logged once the response is on its way: a log that is slow holds no container.
        var note: Note?
        /// The call that was answered tells the plugin that the runtime goes away.
        var isFarewell = false
        /// The call that was answered ends the registration.
        var isConfiguration = false
    }

    private var injection: HookInjection
    private let reconfigure: (String) throws -> HookInjection

    /// - Parameter reconfigure: reads the text of the plugin's configuration file, which only the runtime sees.
    package init(_ injection: HookInjection, reconfigure: @escaping (String) throws -> HookInjection) {
        self.injection = injection
        self.reconfigure = reconfigure
    }

    mutating func answer(_ request: TTRPCRequest) -> Answer {
        guard request.service == Self.name else { return unimplemented(request) }
        do {
            switch request.method {
            case "CreateContainer": return createContainer(request)
            case "Configure": return try configure(request)
            case "Synchronize": return try synchronize(request)
            case "Shutdown":
                return Answer(note: Note(level: .notice, message: "the runtime goes away"), isFarewell: true)
            // Not subscribed to. The answer to each is a message without a field that would have to be set.
            case "StateChange", "RunPodSandbox", "UpdatePodSandbox", "PostUpdatePodSandbox", "StopPodSandbox",
                "RemovePodSandbox", "PostCreateContainer", "StartContainer", "PostStartContainer", "UpdateContainer",
                "PostUpdateContainer", "StopContainer", "RemoveContainer", "ValidateContainerAdjustment":
                return Answer()
            default: return unimplemented(request)
            }
        } catch {
            var answer = Answer(note: note(.error, "cannot read a call of the runtime", request, "\(error)"))
            answer.response.status.code = StatusCode.invalidArgument
            answer.response.status.message = "cannot read the request: \(error)"
            return answer
        }
    }

    private mutating func configure(_ request: TTRPCRequest) throws -> Answer {
        let call: NRIConfigureRequest = try decode(request)
        var answer = Answer(isConfiguration: true)
        answer.response.payload = try NRIConfigureResponse.with { $0.events = Self.events }.serializedBytes()
        answer.note = Note(
            level: .notice, message: "the runtime calls the plugin for each container",
            metadata: ["runtime": "\(call.runtimeName.shortened)", "version": "\(call.runtimeVersion.shortened)"])
        guard !call.config.isEmpty else { return answer }
        do {
            injection = try reconfigure(call.config)
            answer.note?.metadata["hook"] = "\(injection.path)"
        } catch {
            // Without a plugin there would be no hook at all.
            answer.note = note(
                .error, "cannot use the plugin's configuration file: it is as if there were none", request, "\(error)")
        }
        return answer
    }

    private func synchronize(_ request: TTRPCRequest) throws -> Answer {
        let call: NRISynchronizeRequest = try decode(request)
        var answer = Answer()
        answer.response.payload = try NRISynchronizeResponse.with { $0.more = call.more }.serializedBytes()
        if !call.more {
            answer.note = Note(level: .debug, message: "the runtime has told its containers")
        }
        return answer
    }

    private func createContainer(_ request: TTRPCRequest) -> Answer {
        do {
            let call: NRICreateContainerRequest = try decode(request)
            guard call.hasContainer, !call.container.id.isEmpty else {
                return Answer(note: note(.error, "a container starts without the hook", request, "it has no id"))
            }
            let metadata: Logger.Metadata = [
                "id": "\(call.container.id.shortened)", "container": "\(call.container.name.shortened)",
                "pod": "\(call.pod.name.shortened)", "namespace": "\(call.pod.namespace.shortened)",
            ]
            guard !injection.isPresent(in: call.container.hooks) else {
                return Answer(
                    note: Note(level: .info, message: "the container has the hook already", metadata: metadata))
            }
            var answer = Answer(note: Note(level: .info, message: "the container gets the hook", metadata: metadata))
            answer.response.payload = try NRICreateContainerResponse.with { $0.adjust.hooks = injection.hooks }
                .serializedBytes()
            return answer
        } catch {
            return Answer(note: note(.error, "a container starts without the hook", request, "\(error)"))
        }
    }

    private func unimplemented(_ request: TTRPCRequest) -> Answer {
        var answer = Answer(
            note: Note(
                level: .warning, message: "the runtime calls what the plugin does not have",
                metadata: ["service": "\(request.service.shortened)", "method": "\(request.method.shortened)"]))
        answer.response.status.code = StatusCode.unimplemented
        answer.response.status.message = "no method \(request.method.shortened) of \(request.service.shortened)"
        return answer
    }

    private func note(
        _ level: Logger.Level, _ message: Logger.Message, _ request: TTRPCRequest, _ error: String
    ) -> Note {
        Note(
            level: level, message: message,
            metadata: ["method": "\(request.method.shortened)", "error": "\(error.shortened)"])
    }

    private func decode<Call: Message>(_ request: TTRPCRequest) throws -> Call {
        try Call(serializedBytes: request.payload, options: .own)
    }
}

/// The codes of gRPC that occur.
enum StatusCode {
    static let ok: Int32 = 0
    static let invalidArgument: Int32 = 3
    static let unimplemented: Int32 = 12
}

extension BinaryDecodingOptions {
    /// What no field here is for takes no memory: that is most of a request.
    static var own: Self {
        var options = Self()
        options.discardUnknownFields = true
        return options
    }
}

extension String {
    /// As much as a log line or an error message should have of a text that somebody else chose.
    var shortened: String { utf8.count > 256 ? String(decoding: utf8.prefix(256), as: UTF8.self) + "..." : self }
}

// SPDX-License-Identifier: Apache-2.0
import CRIAPI
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Testing

/// A containerd of its own, with the CRI plugin: what a kubelet talks to. Its containers' hook tells the agent of a test.
///
/// All that it has is in a directory and below a cgroup of its own, so that others on the machine are not touched, and
/// nothing of it outlives the tests: `ContainerdKeeper` sees to that.
final class Containerd: Sendable {
    typealias Client = Runtime_V1_RuntimeService.Client<HTTP2ClientTransport.Posix>

    private let directory: TemporaryDirectory
    private let keeper: ContainerdKeeper

    /// Below the root of each hierarchy; pods go into directories below it.
    var cgroup: String { keeper.cgroup }

    var socket: String { directory("containerd.sock") }

    private init(_ agent: AgentProcess) async throws {
        guard getuid() == 0 else { throw Failure("containerd makes containers: run the tests as root") }
        directory = try TemporaryDirectory()
        let image = try await ContainerdImage.make(in: directory)
        try await ContainerdConfiguration.write(into: directory, socket: directory("containerd.sock"), agent)
        keeper = try ContainerdKeeper(directory)
        do {
            try await eventually("containerd to answer") {
                guard keeper.isRunning else { throw Failure("containerd ended. \(keeper.log)") }
                return (try? await call(within: .seconds(1)) { try await $0.version(.init(), options: $1) }) != nil
            }
            try await provide(image)
        } catch {
            print("containerd's log:\n\(keeper.log.suffix(4000))")
            try? await keeper.end()
            throw error
        }
    }

    /// A containerd for the length of `body`.
    static func with(_ agent: AgentProcess, _ body: (Containerd) async throws -> Void) async throws {
        let containerd = try await Containerd(agent)
        do {
            try await body(containerd)
        } catch {
            print("containerd's log:\n\(containerd.keeper.log.suffix(4000))")
            try? await containerd.keeper.end()
            throw error
        }
        try await containerd.keeper.end()
    }

    /// Makes a call of the CRI.
    func call<Result: Sendable>(
        within limit: Duration = .seconds(20),
        _ body: @Sendable @escaping (Client, CallOptions) async throws -> Result
    ) async throws -> Result {
        var options = CallOptions.defaults
        options.timeout = limit * patience
        let transport = try HTTP2ClientTransport.Posix(
            target: .unixDomainSocket(path: socket), transportSecurity: .plaintext,
            config: .defaults { $0.http2.authority = "localhost" })
        return try await withGRPCClient(transport: transport) { [options] in
            try await body(Client(wrapping: $0), options)
        }
    }

    /// The words that run containerd's own client on what the CRI plugin has.
    func ctr(_ words: String...) throws -> [String] {
        [try Artifacts.tool("ctr"), "--address", socket, "--namespace", "k8s.io"] + words
    }

    /// Where `ctr` keeps pipes of its execs.
    var pipes: String { directory("pipes") }

    /// Loads the image, and waits until the CRI plugin has heard of it too: until then it would ask a registry.
    private func provide(_ image: String) async throws {
        try await Command.succeed(ctr("images", "import", image), within: .seconds(20))
        try await eventually("the CRI plugin to know the image") {
            let list = try await Command.succeed(ctr("images", "list", "name==\(ContainerdImage.name)"))
            return list.output.contains("io.cri-containerd.image=managed")
        }
    }
}

/// One containerd for all tests of a suite, which tells the suite's agent: `@Suite(.sharedAgent, .sharedContainerd)`.
struct SharedContainerd: SuiteTrait, TestScoping {
    @TaskLocal static var current: Containerd?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await Containerd.with(agent()) { containerd in
            try await Self.$current.withValue(containerd) { try await function() }
        }
    }
}

extension Trait where Self == SharedContainerd {
    static var sharedContainerd: Self { Self() }
}

/// The suite's containerd.
func containerd() throws -> Containerd {
    guard let containerd = SharedContainerd.current else { throw Failure("this suite has no trait .sharedContainerd") }
    return containerd
}

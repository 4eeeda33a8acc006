// SPDX-License-Identifier: Apache-2.0
import Containers
import Logging
import Models
import SwiftProtobuf
import TetragonAPI

/// What hooks left in the spool while the agent was not there, read once at its start.
struct SpooledContainers {
    private let spool: Spool
    private let resolver: RegistrationResolver
    private let log: Logger

    /// Makes the directory, so that hooks find it from now on.
    init(directory: String, resolver: RegistrationResolver, log: Logger) {
        spool = Spool(directory: directory)
        self.resolver = resolver
        self.log = log
        if let why = spool.prepare() {
            log.warning(
                "no spool: containers made while the agent is away stay nameless", metadata: ["error": "\(why)"])
        }
    }

    /// The containers that the spool tells of and that are there. Every file is removed: what could not be believed now
    /// will not be at the next start.
    ///
    /// - Parameter stored: where they are kept for the agent after this one.
    func take(keepingIn stored: StoredContainers) -> [Container] {
        let contents = spool.take()
        for (name, why) in contents.refused {
            log.warning("spooled request not read", metadata: ["file": "\(name)", "error": "\(why)"])
        }
        var containers: [Container] = []
        for spooled in contents.requests {
            do {
                let registration = try attest(spooled)
                stored.keep(registration, initExecs: nil)
                containers.append(Container(registration, source: .spool))
            } catch let error as RegistrationError {
                log.warning("spooled container refused", metadata: ["file": "\(spooled.name)", "error": "\(error)"])
            } catch {
                log.warning("spooled request is malformed", metadata: ["file": "\(spooled.name)", "error": "\(error)"])
            }
            spool.remove(spooled)
        }
        return containers
    }

    private func attest(_ spooled: SpooledRequest) throws -> Registration {
        let request = try Tetragon_RuntimeHookRequest(serializedBytes: spooled.bytes)
        return try resolver.attest(try ContainerIdentity(request.createContainer), written: spooled.written)
    }
}

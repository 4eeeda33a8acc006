// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Logging
import Server

extension APIServer.Configuration {
    init(_ options: AgentOptions) throws {
        self.init(
            serverAddress: options.serverAddress, hookAddress: options.hookAddress,
            eventQueueSize: options.eventQueueSize, healthAddress: options.healthServerAddress)
        if let certificate = options.serverTlsCertFile, let key = options.serverTlsKeyFile {
            tls = TLSFiles(
                certificate: certificate, key: key, clientAuthorities: options.serverTlsClientCaFiles?.paths ?? [])
        }
        if let name = options.serverGroup {
            guard let number = GroupName.number(of: name) else {
                throw StartError("--server-group: there is no group \(name) here")
            }
            readers = number
        }
    }
}

extension LogLevel {
    /// Says so at whichever level of the two shows more.
    func change(to new: Logger.Level, _ log: Logger) {
        let before = current
        current = min(before, new)
        log.notice("log level changed", metadata: ["from": "\(before)", "to": "\(new)"])
        current = new
    }
}

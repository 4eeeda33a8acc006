// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import Glibc
package import Logging
internal import Models
package import Processes
internal import SwiftProtobuf
internal import Synchronization
internal import TetragonAPI

/// What GetDebug and SetDebug reach of the running agent.
package struct DebugAccess: Sendable {
    package var logLevel: @Sendable () -> Logger.Level
    package var setLogLevel: @Sendable (Logger.Level) -> Void
    /// The host pids of the table of processes, and what it holds of the first of some pids.
    package var pids: @Sendable () async -> [UInt32]
    package var page: @Sendable (ArraySlice<UInt32>) async -> TrackedPage

    package init(
        logLevel: @escaping @Sendable () -> Logger.Level, setLogLevel: @escaping @Sendable (Logger.Level) -> Void,
        pids: @escaping @Sendable () async -> [UInt32],
        page: @escaping @Sendable (ArraySlice<UInt32>) async -> TrackedPage
    ) {
        self.logLevel = logLevel
        self.setLogLevel = setLogLevel
        self.pids = pids
        self.page = page
    }
}

/// GetDebug and SetDebug.
final class DebugEndpoint: Sendable {
    private let access: DebugAccess
    private let isDumping = Mutex(false)

    /// The table of some 100,000 processes. It is in memory until the client has read it.
    private static let largestDump = 48 << 20

    init(_ access: DebugAccess) { self.access = access }

    func get(_ request: Tetragon_GetDebugRequest) async throws -> GRPCNIOTransportBytes {
        switch request.flag {
        case .logLevel:
            let response = Tetragon_GetDebugResponse.with {
                $0.flag = .logLevel
                $0.level = Tetragon_LogLevel(access.logLevel())
            }
            return GRPCNIOTransportBytes(try response.serializedBytes() as [UInt8])
        case .dumpProcessCache:
            return GRPCNIOTransportBytes(try await dump(request.dump))
        case .UNRECOGNIZED(let number):
            throw RPCError(code: .invalidArgument, message: "client requested unknown config flag \(number)")
        }
    }

    func set(_ request: Tetragon_SetDebugRequest) throws -> Tetragon_SetDebugResponse {
        guard request.flag == .logLevel else {
            throw RPCError(
                code: .invalidArgument,
                message: "client requested change of unknown config flag \(request.flag.rawValue)")
        }
        guard case .level(let wanted)? = request.arg, let level = Logger.Level(wanted) else {
            throw RPCError(
                code: .invalidArgument, message: "SetDebug: CONFIG_FLAG_LOG_LEVEL needs a level, from PANIC to TRACE")
        }
        access.setLogLevel(level)
        return .with {
            $0.flag = .logLevel
            $0.level = Tetragon_LogLevel(access.logLevel())
        }
    }

    // MARK: The table of processes

    /// Page by page, so that nothing that happens meanwhile waits for it, and one at a time.
    private func dump(_ selection: Tetragon_DumpProcessCacheReqArgs) async throws -> [UInt8] {
        let isFree = isDumping.withLock { isDumping in
            defer { isDumping = true }
            return !isDumping
        }
        guard isFree else {
            throw RPCError(
                code: .resourceExhausted, message: "GetDebug: the table of processes is just being read for another")
        }
        defer { isDumping.withLock { $0 = false } }

        var processes = ProtobufWriter()
        var told: Set<String> = []
        var rest = await access.pids()[...]
        while !rest.isEmpty {
            let page = await access.page(rest)
            rest = rest.dropFirst(max(1, page.covered))
            for process in page.processes where Self.isWanted(process, selection) {
                // Who has exited is met once for each child.
                if process.isOver, !told.insert(process.execID).inserted { continue }
                Self.append(process, to: &processes)
            }
            guard processes.bytes.count <= Self.largestDump else {
                throw RPCError(
                    code: .resourceExhausted,
                    message: "GetDebug: the table of processes is larger than an answer may be, which is "
                        + "\(Self.largestDump >> 20) MiB; exclude_execve_map_processes leaves out those that are alive")
            }
        }

        var response = ProtobufWriter()
        response.uint32(1, UInt32(Tetragon_ConfigFlag.dumpProcessCache.rawValue))
        response.lengthDelimited(3, count: processes.bytes.count)
        response.bytes += processes.bytes
        return response.bytes
    }

    private static func isWanted(_ process: TrackedProcess, _ selection: Tetragon_DumpProcessCacheReqArgs) -> Bool {
        if selection.skipZeroRefcnt, process.references == 0 { return false }
        // Who is over is kept by those that came from it, and these are told of if they should be gone.
        return !selection.excludeExecveMapProcesses || !process.isOver && !exists(process.pid)
    }

    /// A ProcessInternal.
    private static func append(_ process: TrackedProcess, to w: inout ProtobufWriter) {
        w.message(1) {
            $0.lengthDelimited(1, count: process.message.count)
            $0.bytes += process.message
            $0.string(2, process.isOver || exists(process.pid) ? "inUse" : "deletePending")
            $0.wrapped(3, process.references)
            for operation in process.referenceOperations {
                $0.message(4) {
                    $0.string(1, operation.name)
                    $0.uint32(2, UInt32(operation.count))
                }
            }
        }
    }

    /// Pid 0, which the kernel's own idle tasks have, is no process that kill(2) knows.
    private static func exists(_ pid: UInt32) -> Bool {
        guard let pid = pid_t(exactly: pid), pid != 0 else { return pid == 0 }
        return kill(pid, 0) == 0 || errno != ESRCH
    }
}

extension Tetragon_LogLevel {
    fileprivate init(_ level: Logger.Level) {
        self =
            switch level {
            case .critical: .fatal
            case .error: .error
            case .warning: .warn
            case .notice, .info: .info
            case .debug: .debug
            case .trace: .trace
            }
    }
}

extension Logger.Level {
    fileprivate init?(_ level: Tetragon_LogLevel) {
        switch level {
        case .panic, .fatal: self = .critical
        case .error: self = .error
        case .warn: self = .warning
        case .info: self = .info
        case .debug: self = .debug
        case .trace: self = .trace
        case .UNRECOGNIZED: return nil
        }
    }
}

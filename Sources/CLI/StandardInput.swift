// SPDX-License-Identifier: Apache-2.0

import CLICore
import Glibc
import TetragonAPI

/// Where data comes from when no agent is asked.
enum StandardInput {
    /// Hands on the events of stdin until it ends or the task is cancelled; then tells once what was no event.
    static func readEvents(_ receive: (Tetragon_GetEventsResponse) throws -> Void) async throws {
        var reader = EventReader()
        defer { if let complaint = reader.complaint { complain(complaint) } }
        while !Task.isCancelled {
            guard try waitForInput() else {
                await Task.yield()
                continue
            }
            let bytes = try read(STDIN_FILENO, atMost: 1 << 16, of: "stdin")
            for event in reader.read(bytes) { try receive(event) }
            if bytes.isEmpty {
                if let event = reader.finish() { try receive(event) }
                return
            }
            await Task.yield()
        }
    }

    /// All of a file, or of stdin when the name is `-`, as text.
    static func text(of file: String, atMost limit: Int) throws -> String {
        let descriptor = file == "-" ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure("cannot read \(file.terminalWord): \(lastError)") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while true {
            let more = try read(descriptor, atMost: 1 << 16, of: file.terminalWord)
            if more.isEmpty { break }
            bytes += more
            guard bytes.count <= limit else {
                throw Failure("\(file.terminalWord) is longer than \(limit >> 10) KiB, which no policy needs")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure("\(file.terminalWord) is not UTF-8 text")
        }
        return text
    }

    /// Waits a moment, no longer than an interrupt may go unheeded.
    private static func waitForInput() throws -> Bool {
        var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        let ready = poll(&descriptor, 1, 100)
        guard ready >= 0 || errno == EINTR else { throw Failure("cannot read stdin: \(lastError)") }
        return ready > 0
    }

    private static func read(_ descriptor: Int32, atMost count: Int, of name: String) throws -> [UInt8] {
        while true {
            var error: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                let length = Glibc.read(descriptor, buffer.baseAddress, count)
                error = length < 0 ? errno : 0
                initialized = max(0, length)
            }
            if error == 0 { return bytes }
            if error != EINTR { throw Failure("cannot read \(name): \(String(cString: strerror(error)))") }
        }
    }

    private static var lastError: String { String(cString: strerror(errno)) }
}

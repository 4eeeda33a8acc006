// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where the data goes.
enum StandardOutput {
    /// Whoever read the data has closed its end: nothing is left to do, and nothing went wrong.
    struct ReaderWentAway: Error {}

    /// Writes all of the text before it returns, so that lines leave when their events come. A reader that does not
    /// read is waited for until the task is cancelled.
    static func write(_ text: String) throws {
        switch writeAll(text, to: STDOUT_FILENO) {
        case 0: return
        case EPIPE: throw ReaderWentAway()
        case ECANCELED: throw CancellationError()
        case let error: throw Failure("cannot write to stdout: \(String(cString: strerror(error)))")
        }
    }

    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// How much fits on the terminal; nil when stdout is none.
    static var size: (lines: Int, columns: Int)? {
        var size = winsize()
        guard isTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
        else { return nil }
        return (Int(size.ws_row), Int(size.ws_col))
    }

    /// How many characters fit on a line of the terminal; nil when stdout is none.
    static var lineWidth: Int? { size?.columns }
}

/// Where the talk goes. That nobody listens is no reason to fail.
enum StandardError {
    static func write(_ text: String) {
        _ = writeAll(text, to: STDERR_FILENO)
    }
}

/// Returns the error number, or 0; ECANCELED where the task was cancelled while there was no room.
private func writeAll(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            guard waitForRoom(descriptor) else { return ECANCELED }
            // A pipe that has room has it for so much: the call does not block.
            let written = write(descriptor, rest.baseAddress, min(rest.count, Int(PIPE_BUF)))
            if written >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}

/// Waits for room, and looks at times whether that is still wanted. What cannot be waited for has room.
private func waitForRoom(_ descriptor: Int32) -> Bool {
    var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    while poll(&event, 1, 100) == 0 {
        if Task.isCancelled { return false }
    }
    return true
}

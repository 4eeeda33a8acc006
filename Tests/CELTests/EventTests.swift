// SPDX-License-Identifier: Apache-2.0
import CEL
import Testing

@Suite("CEL over events") struct EventTests {
    private func event(_ source: String) -> ByteString { process(source).bytes }

    private func matches(_ source: String, _ event: ByteString) throws -> Bool {
        let activation = try #require(try events.activation(of: event))
        return try events.compile(source).matches(activation)
    }

    @Test("each member of the oneof is a variable of its type")
    func variables() {
        #expect(events.variables.map(\.name) == ["exec", "exit"])
        #expect(events.variables.map(\.type) == [.message("test.v1.Exec"), .message("test.v1.Exit")])
        #expect(events.container == "test.v1")
    }

    @Test("an expression speaks of the event's own fields")
    func matching() throws {
        let exec = event(
            "Event{exec: Exec{process: Process{binary: '/usr/bin/nc', pid: 9u, labels: {'app': 'web'}}}, node: 'n'}")
        #expect(try matches("exec.process.binary.endsWith('/nc') && exec.process.labels['app'] == 'web'", exec))
        #expect(try !matches("exec.process.pid < uint(9)", exec))
    }

    @Test("an expression that mentions other events only is true of none; beside this one they read as unset messages")
    func otherEvents() throws {
        let exit = event("Event{exit: Exit{signal: 'SIGKILL'}}")
        #expect(try !matches("exec.process.binary == '/bin/sh'", exit))
        #expect(try !matches("exec.process.binary == ''", exit))
        #expect(try !matches("!has(exec.process)", exit))
        #expect(try matches("exit.signal != '' && exec.process.binary == '' && !has(exec.process)", exit))
        #expect(try matches("true", exit))
        #expect(try matches("exec.process.binary == '/bin/sh' || exit.signal == 'SIGKILL'", exit))
        #expect(try !matches("exec.process.labels['app'] == 'web'", exit))
        #expect(throws: EvaluationError.noSuchKey) {
            try matches("exit.signal != '' && exec.process.labels['app'] == 'web'", exit)
        }
    }

    @Test("a program says which variables it mentions")
    func mentioned() throws {
        #expect(try events.compile("exit.signal == ''").variables == [1])
        #expect(try events.compile("exec.process.binary == '' || exit.signal == ''").variables == [0, 1])
        #expect(try events.compile("[1].exists(exec, exec == 1)").variables == [])
    }

    @Test("of two members the last counts; without one there is nothing to evaluate on")
    func members() throws {
        let both = ByteString(Array(event("Event{exec: Exec{}}").bytes) + Array(event("Event{exit: Exit{}}").bytes))
        guard case .only(let variable, _) = try events.activation(of: both) else {
            Issue.record("no member found")
            return
        }
        #expect(variable == 1)
        let without = try events.activation(of: event("Event{node: 'n'}"))
        #expect(without.map { _ in true } == nil)
        #expect(throws: EvaluationError.malformedMessage("test.v1.Event")) {
            try events.activation(of: ByteString([0x0A, 9]))
        }
        #expect(throws: EvaluationError.malformedMessage("test.v1.Event")) {
            try events.activation(of: ByteString([0x08, 9]))
        }
    }

    @Test("one program is evaluated by many threads at once")
    func threads() async throws {
        let program = try events.compile("exec.process.flags.exists(x, x.matches('^b+$'))")
        let activation = try #require(
            try events.activation(of: event("Event{exec: Exec{process: Process{flags: ['a', 'bbb']}}}")))
        let hits = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { try (0..<500).count { _ in try program.matches(activation) } }
            }
            return try await group.reduce(0, +)
        }
        #expect(hits == 4000)
    }
}

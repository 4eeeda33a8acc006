// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Each place that a program can be called from: one real action there, and one beside it.
    @Suite struct PolicyPlaceTests: KernelSuite {
        private static let directory = "/tmp/apus-\(getpid())-place"
        private static let name = pol_argument(POL_STRING, raw: 1, max: 256, POL_FILTERED)

        private func makeDirectory(_ path: String = directory) -> Int64 {
            Int64(mkdirat(AT_FDCWD, path, 0o700) == 0 ? 0 : -errno)
        }

        private func expectPair(_ hits: [PolicyHit], _ text: String, returned: Int64) {
            #expect(hits.count == 2)
            guard hits.count == 2 else { return }
            #expect(hits[0].text(0) == text && hits[0].row == 42 && hits[0].tid == OwnProcess.thread)
            #expect(hits[0].has(POL_AWAITS_RETURN) && !hits[0].has(POL_IS_RETURN))
            #expect(hits[1].has(POL_IS_RETURN) && hits[1].number(1) == returned)
            #expect(hits[1].call == hits[0].call && hits[1].tid == hits[0].tid)
        }

        private static let methods: [PolicyProgram.Method] =
            [.rawSyscall] + (probedFeatures.has(.kprobe) ? [.kprobe] : [])
            + (probedFeatures.has(.fexit) ? [.fentry] : [])

        @Test("a system call and what it returns, of the named path alone", arguments: methods)
        func systemCalls(by method: PolicyProgram.Method) throws {
            var trial = PolicyTrial([Self.name], returns: POL_I64)
            trial.filter(0)
            trial.shape.is_syscall = 1
            let maps = try policyMaps()
            let program = try trial.program(at: .systemCall("mkdirat", by: method), maps)
            try program.insert(bytes: Array(Self.directory.utf8), into: 3)
            try program.attach()
            defer { rmdir(Self.directory) }
            for (path, result) in [(Self.directory, Int64(0)), (Self.directory, -Int64(EEXIST))] {
                #expect(makeDirectory(path) == result)
                expectPair(try takeHits(), path, returned: result)
            }
            #expect(makeDirectory("/proc/apus-other") != 0)
            rmdir("/proc/apus-other")
            #expect(try takeHits().isEmpty)

            program.detach()
            _ = makeDirectory()
            #expect(try takeHits().isEmpty)
            #expect(program.misses == .init())
        }

        // By fentry a program is of one function.
        @Test(
            "hooks at two system calls share a program, and each has rows of its own",
            arguments: methods.filter { $0 != .fentry })
        func shared(by method: PolicyProgram.Method) throws {
            var trial = PolicyTrial([Self.name])
            trial.filter(0)
            trial.shape.is_syscall = 1
            trial.capacity.rows = 4
            trial.shape.place_rows = 2
            let calls = ["mkdirat", "unlinkat"].map { SystemCall($0) }
            let program = try trial.program(at: .systemCalls(calls, by: method), try policyMaps())
            try program.insert(bytes: Array(Self.directory.utf8), into: 3)
            try program.clearRow(0)
            for (slot, id) in [(1, 51), (2, 52)] as [(UInt32, UInt32)] {
                trial.values.id = id
                try program.setRow(slot, trial.values)
            }
            try program.attach()
            defer { program.detach() }
            _ = makeDirectory()
            #expect(unlinkat(AT_FDCWD, Self.directory, AT_REMOVEDIR) == 0)
            let hits = try takeHits()
            // Each is the only function of its hook.
            #expect(hits.map(\.row) == [51, 52] && hits.allSatisfy { $0.function == 0 })
            try program.clearRow(1)
            _ = makeDirectory()
            unlinkat(AT_FDCWD, Self.directory, AT_REMOVEDIR)
            #expect(try takeHits().map(\.row) == [52])
        }

        @Test("a call of the 32-bit ABI, which is none of the other's")
        func compatibility() throws {
            #if arch(x86_64)
                var trial = PolicyTrial(
                    [Self.name, pol_argument(POL_U32, raw: 2), pol_argument(POL_SYSCALL, raw: 3)])
                trial.filter(0)
                trial.shape.raw_count = 3
                let maps = try policyMaps()
                let places: [SystemCall.ABI] = [.native, .compat]
                let programs = try places.map { abi in
                    trial.values.id = UInt32(abi.rawValue)
                    return try trial.program(at: .systemCall("mkdirat", abi: abi, by: .rawSyscall), maps)
                }
                for program in programs {
                    try program.insert(bytes: Array(Self.directory.utf8), into: 3)
                    try program.attach()
                }
                defer { for program in programs { program.detach() } }
                let child = try Child(TestProgram.calls, "int80", Self.directory)
                let status = child.end().status
                try withKnownIssue("the kernel has no 32-bit ABI", isIntermittent: true) {
                    try #require(status == 0)
                } when: {
                    status != 0
                }
                rmdir(Self.directory)
                guard status == 0 else { return }
                let hits = try takeHits()
                #expect(hits.map(\.row) == [UInt32(SystemCall.ABI.compat.rawValue)])
                #expect(hits.first?.text(0) == Self.directory && hits.first?.number(1) == 0o700)
                #expect(hits.first?.has(POL_ABI_32) == true)
                _ = makeDirectory()
                rmdir(Self.directory)
                #expect(try takeHits().map(\.row) == [UInt32(SystemCall.ABI.native.rawValue)])
            #endif
        }

        @Test("more programs at one system call than the kernel lets follow one another")
        func chains() throws {
            var trial = PolicyTrial([Self.name])
            trial.filter(0)
            let maps = try policyMaps()
            let call = SystemCall("mkdirat")
            let others = try trial.program(
                at: .systemCalls(Array(repeating: call, count: 34), by: .rawSyscall), maps)
            trial.values.id = 43
            let last = try trial.program(at: .systemCalls([SystemCall("rmdir"), call], by: .rawSyscall), maps)
            for program in [others, last] {
                try program.insert(bytes: Array(Self.directory.utf8), into: 3)
                try program.attach()
            }
            defer { rmdir(Self.directory) }
            _ = makeDirectory()
            var hits = try takeHits()
            #expect(Set(hits.filter { $0.row == 42 }.map(\.function)) == Set(0..<34))
            #expect(hits.filter { $0.row == 43 }.map(\.function) == [1])
            others.detach()
            _ = makeDirectory()
            hits = try takeHits()
            #expect(hits.map(\.row) == [43])
            last.detach()

            let many = try trial.program(at: .systemCalls(Array(repeating: call, count: 65), by: .rawSyscall), maps)
            #expect(throws: SensorError.self) { try many.attach() }
            _ = makeDirectory()
            #expect(try takeHits().isEmpty)
        }

        @Test("a raw tracepoint, with the number of any system call")
        func rawTracepoint() throws {
            var trial = PolicyTrial([pol_argument(POL_SYSCALL, raw: 1)])
            trial.shape.selectors = 1
            trial.shape.at_entry.0.filters.0 = pol_filter(
                what: UInt8(POL_NUMBER.rawValue), index: 0, op: UInt8(POL_EQUAL.rawValue), pad: 0)
            let number = try #require(SystemCall("mkdirat").number)
            trial.values.operands.0.0.a = UInt64(number)
            let program = try trial.program(at: .rawTracepoint("sys_enter"), policyMaps())
            try program.attach()
            defer { program.detach() }
            _ = makeDirectory()
            rmdir(Self.directory)
            let hits = try takeHits().filter { $0.tid == OwnProcess.thread }
            #expect(hits.map { $0.number(0) } == [Int64(number)])
        }

        // MARK: Functions of programs

        @Test("functions of a program, and which of them it was", arguments: [false, true])
        func userFunctions(oneByOne: Bool) throws {
            let trial = PolicyTrial(
                [pol_argument(POL_I32, raw: 0), pol_argument(POL_STRING, raw: 1, max: 64)], returns: POL_I64)
            let offsets = try UserSymbols.offsets(of: ["watched_too", "watched"], in: TestProgram.calls)
            let program = try trial.program(
                at: .userFunctions(path: TestProgram.calls, offsets: offsets), policyMaps(), oneByOne: oneByOne)
            try program.attach()
            defer { program.detach() }
            try Child(TestProgram.calls, "function", "-5", "seven77").end()
            let hits = try takeHits()
            #expect(hits.map(\.function) == [1, 1, 0, 0])
            #expect(hits.map { $0.number(0) } == [-5, nil, -5, nil])
            #expect(hits.map { $0.text(1) } == ["seven77", nil, "seven77", nil])
            #expect(hits.map { $0.number(2) } == [nil, 2, nil, -12])
            #expect(program.misses == .init())
        }

        @Test("a function within itself: each return finds its entry, and what is too deep is counted")
        func recursion() throws {
            let trial = PolicyTrial([pol_argument(POL_I32, raw: 0)], returns: POL_I64)
            let offsets = try UserSymbols.offsets(of: ["descend"], in: TestProgram.calls)
            let program = try trial.program(
                at: .userFunctions(path: TestProgram.calls, offsets: offsets), policyMaps())
            try program.attach()
            defer { program.detach() }
            try Child(TestProgram.calls, "deep", "4").end()
            var hits = try takeHits()
            #expect(hits.map { $0.number(0) } == [4, 3, 2, 1, nil, nil, nil, nil])
            #expect(hits.map { $0.number(1) } == [nil, nil, nil, nil, 1, 2, 3, 4])
            #expect(hits.suffix(4).map(\.call) == hits.prefix(4).reversed().map(\.call))
            #expect(program.misses.returns == 0)
            try Child(TestProgram.calls, "deep", "6").end()
            hits = try takeHits()
            #expect(hits.count { $0.has(POL_IS_RETURN) } == 4)
            #expect(program.misses.returns == 2)
        }

        @Test("what is no function, and no program, is said to be none")
        func unknownFunctions() throws {
            #expect {
                _ = try UserSymbols.offsets(of: ["watched", "no_such_function"], in: TestProgram.calls)
            } throws: { "\($0)".contains("no_such_function") }
            #expect { _ = try UserSymbols.offsets(of: ["x"], in: "/proc/self/status") } throws: {
                "\($0)".contains("/proc/self/status")
            }
            #expect { _ = try UserSymbols.offsets(of: ["x"], in: "/tmp") } throws: { "\($0)".contains("regular") }
            #expect { _ = try UserSymbols.offsets(of: ["x"], in: "/nonexistent") } throws: {
                "\($0)".contains("/nonexistent")
            }
        }

        // MARK: Functions of the kernel

        private static let file = pol_argument(POL_FILE, raw: 0, max: 4096, POL_FILTERED)

        private func look(at path: String) -> Int32 {
            let file = open(path, O_RDONLY | O_CLOEXEC | O_CREAT, 0o600)
            guard file >= 0 else { return errno }
            close(file)
            return 0
        }

        private func asksForPath(_ hook: String, _ type: pol_type, raw: UInt8) throws -> Bool {
            let trial = PolicyTrial([pol_argument(type, raw: raw, max: 4096)])
            return try trial.program(at: .securityHook(hook), policyMaps()).asksForPaths
        }

        @Test(
            "the path that a security hook passes first or second is asked of the kernel", .needs(anyOf: .lsmActive),
            arguments: [("file_open", POL_FILE, 0), ("sb_mount", POL_PATH, 1)])
        func kernelPaths(hook: String, type: pol_type, raw: UInt8) throws {
            #expect(try asksForPath(hook, type, raw: raw))
        }

        @Test("the path that a security hook passes third is asked of the kernel", .needs(anyOf: .lsmActive))
        func thirdKernelPath() throws { #expect(try asksForPath("path_rename", POL_PATH, raw: 2)) }

        private static let preventers: [PolicyProgram.Place] =
            (probedFeatures.has(.lsm) && probedFeatures.has(.lsmActive) ? [.securityHook("file_open")] : [])
            + (probedFeatures.has(.modifySecurity) ? [.function("security_file_open", by: .fmodRet)] : [])

        @Test(
            "an open is forbidden where it is to be, and nowhere else", .needs(anyOf: .lsm, .modifySecurity),
            arguments: preventers)
        func prevention(at place: PolicyProgram.Place) throws {
            var trial = PolicyTrial([Self.file])
            trial.filter(0)
            trial.shape.at_entry.0.actions.0 = UInt8(POL_DO_OVERRIDE.rawValue)
            trial.values.actions.0.error = -ENOTTY
            let program = try trial.program(at: place, policyMaps())
            try program.insert(bytes: Array(Self.directory.utf8), into: 3)
            try program.attach()
            defer { unlink(Self.directory) }
            defer { unlink(Self.directory + "2") }
            #expect(look(at: Self.directory) == ENOTTY)
            #expect(look(at: Self.directory + "2") == 0)
            let hits = try takeHits()
            #expect(hits.map(\.action) == [UInt8(POL_DO_OVERRIDE.rawValue)])
            program.detach()
            #expect(look(at: Self.directory) == 0)
        }

        @Test(
            "what a function is made to return is told as what it has returned", .needs(anyOf: .modifySecurity),
            .needs(anyOf: .fexit))
        func overriddenReturn() throws {
            var trial = PolicyTrial([Self.file], returns: POL_I32)
            trial.filter(0)
            trial.shape.at_entry.0.actions.0 = UInt8(POL_DO_OVERRIDE.rawValue)
            trial.values.actions.0.error = -ENOTTY
            let program = try trial.program(at: .function("security_file_open", by: .fmodRet), policyMaps())
            try program.insert(bytes: Array(Self.directory.utf8), into: 3)
            try program.attach()
            defer { program.detach() }
            defer { unlink(Self.directory) }
            #expect(look(at: Self.directory) == ENOTTY)
            let hits = try takeHits()
            try #require(hits.count == 2)
            #expect(hits[0].action == UInt8(POL_DO_OVERRIDE.rawValue) && hits[0].has(POL_AWAITS_RETURN))
            #expect(hits[1].has(POL_IS_RETURN) && hits[1].call == hits[0].call && hits[1].tid == hits[0].tid)
            #expect(hits[1].number(1) == -Int64(ENOTTY))
        }

        @Test("functions of the kernel, and which of them it was", .needs(anyOf: .kprobe), arguments: [false, true])
        func kernelFunctions(oneByOne: Bool) throws {
            let trial = PolicyTrial([Self.file])
            let place = PolicyProgram.Place.functions(["security_file_permission", "security_file_open"], by: .kprobe)
            let program = try trial.program(at: place, policyMaps(), oneByOne: oneByOne)
            try program.attach()
            defer { program.detach() }
            // To attach is to open files.
            _ = try takeHits()
            _ = look(at: Self.directory)
            unlink(Self.directory)
            let hits = try takeHits().filter { $0.tid == OwnProcess.thread }
            #expect(hits.map(\.function) == [1])
        }

        @Test("what the kernel cannot do is an error that says so")
        func refusals() throws {
            let maps = try policyMaps()
            let trial = PolicyTrial([pol_argument(POL_I32, raw: 0)])
            for place: PolicyProgram.Place in [
                .function("apus_no_such_function"), .function("apus_no_such_function", by: .fentry),
                .securityHook("apus_no_such_hook"), .rawTracepoint("apus_no_such_tracepoint"),
                .systemCall("apus_no_such_call", by: .rawSyscall), .function("do_exit", by: .rawSyscall),
                .functions([], by: .kprobe), .functions(["do_exit", "do_exit"], by: .fentry),
            ] {
                #expect(throws: SensorError.self, "\(place)") { try trial.program(at: place, maps).attach() }
            }
            if !probedFeatures.has(.overrideReturn) {
                #expect(throws: SensorError.self) {
                    try trial.program(at: .function("do_exit", by: .kprobeOverride), maps).attach()
                }
            }
        }

        @Test("what a program takes is known, and sets and rows can be used anew")
        func accounts() throws {
            var trial = PolicyTrial([Self.name])
            trial.filter(0)
            let program = try trial.program(at: .systemCall("mkdirat", by: .rawSyscall), policyMaps())
            try program.insert(bytes: Array(Self.directory.utf8), into: 3)
            #expect((4096...200_000).contains(program.kernelMemory))
            try program.attach()
            defer { program.detach() }
            defer { rmdir(Self.directory) }
            program.removeSet(4)
            _ = makeDirectory()
            #expect(try takeHits().count == 1)
            program.removeSet(3)
            _ = makeDirectory()
            #expect(try takeHits().isEmpty)
            try program.insert(bytes: Array(Self.directory.utf8), into: 3)
            try program.clearRow(0)
            _ = makeDirectory()
            #expect(try takeHits().isEmpty)
        }
    }
}

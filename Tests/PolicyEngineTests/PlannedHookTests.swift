// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Sensors
import Testing

@Suite struct PlannedHookTests {
    private static let override = """
        kprobes:
        - call: sys_openat
          selectors: [{matchActions: [{action: Override, argError: -1}]}]
        """

    // MARK: System calls

    @Test("a system call is probed by its function where there are kprobes")
    func probedCall() throws {
        let hook = try plan("kprobes: [{call: sys_openat}]").hooks[0]
        #expect(hook.place == .functions(["__x64_sys_openat"]) && hook.method == .kprobe)
        #expect(hook.shape.is_syscall == 1 && hook.shape.has_functions == 0 && hook.shape.selectors == 0)
        #expect(hook.description.place == .function(["__x64_sys_openat"]))
    }

    @Test("it is called by its number where there are none")
    func rawCall() throws {
        let hook = try plan("kprobes: [{call: __x64_sys_openat}]", on: .bare).hooks[0]
        #expect(hook.place == .systemCalls([.init(name: "openat", number: 257, is32Bit: false)]))
        #expect(hook.method == .rawSyscall && hook.reason == "the kernel has no kprobes (no kprobe)")
        #expect(hook.shape.is_syscall == 1)
        #expect(hook.description.place == .function(["__x64_sys_openat"]))
    }

    @Test(
        "calls whose functions are called otherwise are found by both names", arguments: ["sys_newuname", "sys_uname"])
    func otherNames(call: String) throws {
        var kernel = FakeSurvey.full
        kernel.functionNames = ["__x64_sys_newuname"]
        #expect(try plan("kprobes: [{call: \(call)}]", on: kernel).hooks[0].place == .functions(["__x64_sys_newuname"]))
        let calls: HookPlan.Place = .systemCalls([.init(name: "uname", number: 63, is32Bit: false)])
        #expect(try plan("kprobes: [{call: \(call)}]", on: .bare).hooks[0].place == calls)
    }

    @Test("a list has calls of both ABIs, which one program sees")
    func bothABIs() throws {
        let spec = """
            lists: [{name: l, type: syscalls, values: [sys_openat, abi32/sys_openat]}]
            kprobes: [{call: "list:l", args: [{index: 0, type: int}]}]
            """
        let raw = try plan(spec, on: .bare)
        #expect(
            raw.hooks.map(\.place) == [
                .systemCalls([
                    .init(name: "openat", number: 257, is32Bit: false),
                    .init(name: "openat", number: 295, is32Bit: true),
                ])
            ])
        #expect(raw.hooks[0].shape.has_functions == 1)
        #expect(raw.hooks[0].description.place == .function(["__x64_sys_openat", "__ia32_sys_openat"]))
        var kernel = FakeSurvey.full
        kernel.functionNames = ["__x64_sys_openat", "__ia32_compat_sys_openat"]
        let probed = try plan(spec, on: kernel)
        #expect(probed.hooks.map(\.place) == [.functions(["__x64_sys_openat", "__ia32_compat_sys_openat"])])
        #expect(probed.hooks[0].isAttachedAtOnce)
    }

    @Test("a generated list has the calls that there are, and says which are not")
    func generatedCalls() throws {
        let spec = """
            lists: [{name: l, type: generated_syscalls}]
            kprobes: [{call: "list:l"}]
            """
        var kernel = FakeSurvey.full
        kernel.calls = ["read": 0, "write": 1]
        kernel.functionNames = ["__x64_sys_write"]
        let plan = try plan(spec, on: kernel)
        #expect(plan.hooks.map(\.place) == [.functions(["__x64_sys_write"])])
        #expect(
            plan.remarks == [
                "spec.kprobes[0]: left out, because this kernel has not the system call sys_read (no function __x64_sys_read)"
            ])
    }

    @Test("what is no system call is refused as one")
    func noCall() throws {
        #expect(
            try problems("kprobes: [{call: fd_install}]") == [
                "spec.kprobes[0].call: fd_install is not called as system calls are (sys_…); write syscall: false if it is "
                    + "another function of the kernel"
            ])
    }

    @Test("a filter of system calls has their numbers, those of the other ABI marked")
    func numbersOfCalls() throws {
        var kernel = FakeSurvey.full
        kernel.formats["raw_syscalls/sys_enter"] = [
            .init(name: "id", offset: 8, size: 8, isSigned: true, kind: .number)
        ]
        let hook = try plan(
            """
            lists: [{name: l, type: syscalls, values: [sys_dup, abi32/sys_dup]}]
            tracepoints:
            - subsystem: raw_syscalls
              event: sys_enter
              args: [{index: 0, type: syscall64}]
              selectors: [{matchArgs: [{index: 0, operator: InMap, values: ["list:l"]}]}]
            """, on: kernel
        ).hooks[0]
        #expect(hook.filters()[0].set == .numbers([32, 0x8000_0029]))
        #expect(hook.shape.values[0].type == UInt8(POL_SYSCALL.rawValue) && hook.shape.values[0].offset == 8)
    }

    // MARK: Overrides

    @Test("a system call is overridden by error injection, or by fmod_ret, as the kernel and an option have it")
    func overriding() throws {
        #expect(try plan(Self.override, on: .full.with(.overrideReturn)).hooks[0].method == .kprobeOverride)
        #expect(try plan(Self.override, on: .full.with(.modifySyscall)).hooks[0].method == .fmodRet)
        let both = FakeSurvey.full.with(.overrideReturn, .modifySyscall)
        #expect(try plan(Self.override, on: both).hooks[0].method == .kprobeOverride)
        let option = Self.override + "\noptions: [{name: override-method, value: fmod-ret}]"
        #expect(try plan(option, on: both).hooks[0].method == .fmodRet)
        #expect(try problems(option, on: .full.with(.overrideReturn)).count == 1)
        let values = try #require(try plan(Self.override, on: both).hooks[0].row.values(of: 0))
        #expect(values.error == -1)
    }

    @Test("where neither is there it is refused, and why")
    func noOverride() throws {
        #expect(
            try problems(Self.override) == [
                "spec.kprobes[0].selectors[0].matchActions[0]: no system call can be made to fail here: the kernel has no "
                    + "error injection (no override-return), and the kernel has no fmod_ret on system calls (no "
                    + "fmod-ret-syscall); prevent it at an LSM hook or at a function named security_…; or kill with Sigkill, "
                    + "which is after the call"
            ])
        #expect(try problems(Self.override, on: .bare)[0].contains("the kernel has no kprobes (no kprobe)"))
    }

    @Test("a policy that monitors has it, and says that it cannot be set to enforce")
    func monitored() throws {
        let plan = try plan(Self.override + "\noptions: [{name: policy-mode, value: monitor}]", on: .bare)
        #expect(plan.hooks.map(\.method) == [.rawSyscall] && plan.hooks[0].row.is_monitored == 1)
        #expect(plan.obstacles.count == 1)
        #expect(try self.plan("options: [{name: policy-mode, value: monitor}]").obstacles.isEmpty)
    }

    private func plan(_ spec: String, on kernel: FakeSurvey = .full) throws -> PolicyPlan {
        try PolicyEngineTests.plan(spec, on: kernel)
    }

    @Test("a function named security_… is overridden by fmod_ret, each by a program of its own")
    func security() throws {
        let spec = """
            lists: [{name: l, values: [security_a, security_b]}]
            kprobes:
            - call: "list:l"
              syscall: false
              selectors: [{matchActions: [{action: Override, argError: -13}]}]
            """
        let hooks = try plan(spec).hooks
        #expect(hooks.map(\.place) == [.functions(["security_a"]), .functions(["security_b"])])
        #expect(hooks.allSatisfy { $0.method == .fmodRet && $0.shape.has_functions == 0 })
        #expect(try problems(spec, on: .full.without(.modifySecurity)).count == 2)
        let option = spec + "\noptions: [{name: override-method, value: override-return}]"
        #expect(try problems(option)[0].contains("leave the option out"))
        var void = FakeSurvey.full
        void.prototypes = ["security_a": .init(parameters: 1, returnsValue: false)]
        #expect(
            try problems(spec, on: void) == [
                "spec.kprobes[0].selectors[0].matchActions[0]: Override: security_a returns nothing, so it cannot return an "
                    + "error"
            ])
    }

    // MARK: Functions

    @Test("functions of a list are one program's, at once where the kernel and the policy will")
    func lists() throws {
        let spec = """
            lists: [{name: l, values: [f, g]}]
            kprobes: [{call: "list:l", syscall: false}]
            """
        let hook = try plan(spec).hooks[0]
        #expect(hook.place == .functions(["f", "g"]) && hook.isAttachedAtOnce && hook.shape.has_functions == 1)
        #expect(try !plan(spec, on: .full.without(.kprobeMulti)).hooks[0].isAttachedAtOnce)
        #expect(try !plan(spec + "\noptions: [{name: disable-kprobe-multi, value: true}]").hooks[0].isAttachedAtOnce)
        // Trampolines are of one each.
        let trampolines = try plan(spec, on: .full.without(.kprobe)).hooks
        #expect(trampolines.map(\.method) == [.fentry, .fentry] && trampolines[0].shape.has_functions == 0)
    }

    @Test("a list of functions is generated by a pattern, and bounded")
    func generatedFunctions() throws {
        let spec = """
            lists: [{name: l, type: generated_ftrace, pattern: "^ksys_"}]
            kprobes: [{call: "list:l", syscall: false}]
            """
        var kernel = FakeSurvey.full
        kernel.functionNames = ["ksys_read", "ksys_write", "vfs_read"]
        #expect(try plan(spec, on: kernel).hooks[0].place == .functions(["ksys_read", "ksys_write"]))
        kernel.functionNames = Set((0...1024).map { "ksys_\($0)" })
        #expect(try plan(spec, on: kernel).hooks.count == 1)
        #expect(
            try problems(spec, on: kernel.without(.kprobeMulti)) == [
                "spec.kprobes[0].call: a hook is on at most 1024 functions here, and this is on 1025; kprobe.multi would take "
                    + "16384: the kernel has no such links (no kprobe-multi)"
            ])
        kernel.functionNames = []
        #expect(try problems(spec, on: kernel).count == 1)
    }

    @Test("without kprobes and trampolines a function cannot be watched")
    func noFunctions() throws {
        #expect(
            try problems("kprobes: [{call: f, syscall: false}]", on: .bare) == [
                "spec.kprobes[0].call: functions of the kernel cannot be watched: the kernel has no kprobes (no kprobe), and "
                    + "the kernel has no fentry programs (no fentry); watch the system call or a tracepoint that leads there"
            ])
    }

    @Test("a function that is not there is a problem, or left out where the policy says so")
    func missing() throws {
        var kernel = FakeSurvey.full
        kernel.functionNames = []
        #expect(try problems("kprobes: [{call: f, syscall: false}]", on: kernel)[0].hasPrefix("spec.kprobes[0].call: "))
        let plan = try plan("kprobes: [{call: f, syscall: false, ignore: {callNotFound: true}}]", on: kernel)
        #expect(plan.hooks.isEmpty && plan.leftOut == [HookOrigin(section: "kprobes", index: 0)])
        #expect(
            plan.remarks == [
                "spec.kprobes[0]: left out, because this kernel has not the function f",
                "nothing of it is on this kernel: it has no effect",
            ])
    }

    @Test("an argument that a function has not is a remark on a kprobe, a problem on a trampoline")
    func parameters() throws {
        var kernel = FakeSurvey.full
        kernel.prototypes = ["f": .init(parameters: 1, returnsValue: true)]
        let spec = "kprobes: [{call: f, syscall: false, args: [{index: 0, type: int}, {index: 2, type: int}]}]"
        #expect(
            try plan(spec, on: kernel).remarks == [
                "spec.kprobes[0].args[1]: f has 1 arguments, so there is no argument 2: what is shown is what a register holds"
            ])
        #expect(try problems(spec, on: kernel.without(.kprobe)).count == 1)
    }

    // MARK: LSM hooks

    @Test("an LSM hook needs programs, their being asked, and the hook")
    func securityHooks() throws {
        let spec = "lsmhooks: [{hook: file_open, args: [{index: 0, type: file}]}]"
        let hook = try plan(spec).hooks[0]
        #expect(hook.place == .securityHook("file_open") && hook.method == .lsm && hook.shape.raw_count == 1)
        #expect(try problems(spec, on: .bare)[0].contains("no LSM programs (no lsm)"))
        #expect(try problems(spec, on: .full.without(.lsmActive))[0].contains("boot with bpf"))
        var kernel = FakeSurvey.full
        kernel.securityHooks = []
        #expect(try problems(spec, on: kernel)[0].contains("has no LSM hook file_open"))
        kernel = .full
        kernel.prototypes = ["bpf_lsm_file_open": .init(parameters: 0, returnsValue: false)]
        #expect(
            try problems(spec, on: kernel) == [
                "spec.lsmhooks[0].args[0].index: file_open passes 0 values, so there is no value 0"
            ])
        let override = "lsmhooks: [{hook: file_open, selectors: [{matchActions: [{action: Override, argError: -1}]}]}]"
        #expect(try problems(override, on: kernel)[0].contains("returns nothing"))
    }

    @Test("a file's hash is that of the value that is the file")
    func hash() throws {
        func shape(_ hook: String, _ args: String) throws -> pol_shape {
            try plan(
                "lsmhooks: [{hook: \(hook), args: [\(args)], selectors: [{matchActions: [{action: Post, imaHash: true}]}]}]"
            ).hooks[0].shape
        }
        #expect(try shape("bprm_check_security", "").hash_raw == 1)
        #expect(try shape("bprm_check_security", "").hash_is_binprm == 1)
        #expect(try shape("x", "{index: 2, type: file}").hash_raw == 3)
        #expect(throws: PlanError.self) { try shape("task_kill", "") }
        // What it passes first is no file.
        #expect(throws: PlanError.self) { try shape("file_mprotect", "") }
    }

    // MARK: Programs

    @Test("functions of programs, by symbol and by offset")
    func userFunctions() throws {
        let spec = """
            uprobes:
            - path: /bin/a
              symbols: [f]
              offsets: [16]
              args: [{index: 0, type: string}]
              return: true
              returnArg: {type: int}
            """
        let hook = try plan(spec).hooks[0]
        #expect(hook.place == .symbols(path: "/bin/a", [.name("f"), .offset(16)]))
        #expect(hook.description.place == .symbols(path: "/bin/a", ["f", "0x10"]))
        #expect(hook.isAttachedAtOnce && hook.shape.has_functions == 1 && hook.shape.has_return == 1)
        #expect(hook.shape.values[0].flags == UInt8(POL_USER.rawValue))
        #expect(try !plan(spec, on: .bare).hooks[0].isAttachedAtOnce)
        #expect(try problems(spec, on: .bare.without(.uprobe))[0].contains("no uprobes (no uprobe)"))
    }

    // MARK: Enforcers

    private static let enforcer = """
        lists: [{name: l, type: syscalls, values: [sys_openat, sys_read]}]
        enforcers: [{calls: ["list:l", security_a]}]
        lsmhooks:
        - hook: file_open
          selectors: [{matchActions: [{action: NotifyEnforcer, argError: ERROR, argSig: 9}]}]
        """

    @Test("enforcers that signal are wherever a program can be")
    func signalling() throws {
        let spec = Self.enforcer.replacing("argError: ERROR, ", with: "")
        let plan = try plan(spec)
        #expect(plan.enforcers.map(\.method) == [.kprobe, .kprobe])
        #expect(plan.enforcers[0].place == .functions(["__x64_sys_openat", "__x64_sys_read"]))
        #expect(plan.hooks[0].row.values(of: 0)?.signal == 9)
        #expect(
            try problems(spec, on: .full.without(.kprobe)).contains {
                $0.hasSuffix("enforcers cannot act at security_a: the kernel has no kprobes (no kprobe)")
            })
    }

    @Test("enforcers that override need what overrides")
    func overridingEnforcers() throws {
        let spec = Self.enforcer.replacing("ERROR", with: "-1")
        #expect(
            try plan(spec, on: .full.with(.overrideReturn)).enforcers.map(\.method) == [.kprobeOverride, .fmodRet])
        #expect(
            try plan(spec, on: .full.with(.modifySyscall)).enforcers.map(\.method) == [.fmodRet, .fmodRet, .fmodRet])
        let problems = try problems(spec)
        #expect(problems.count == 1)
        #expect(problems[0].hasPrefix("spec.lsmhooks[0].selectors[0].matchActions[0].argError: no system call"))
    }

    @Test("without kprobes they see system calls by number")
    func rawEnforcers() throws {
        var kernel = FakeSurvey.bare
        kernel.formats["raw_syscalls/sys_enter"] = [
            .init(name: "id", offset: 8, size: 8, isSigned: true, kind: .number)
        ]
        let plan = try plan(
            """
            enforcers: [{calls: [sys_openat]}]
            tracepoints:
            - subsystem: raw_syscalls
              event: sys_enter
              selectors: [{matchActions: [{action: NotifyEnforcer, argSig: 9}]}]
            """, on: kernel)
        #expect(plan.enforcers.map(\.place) == [.systemCalls([.init(name: "openat", number: 257, is32Bit: false)])])
    }

    // MARK: The whole

    @Test("all problems are told, in the order of the policy")
    func all() throws {
        var kernel = FakeSurvey.full
        kernel.functionNames = []
        let problems = try problems(
            """
            kprobes: [{call: f, syscall: false}, {call: g, syscall: false}]
            tracepoints: [{subsystem: a, event: b}]
            """, on: kernel)
        #expect(problems.count == 3)
        #expect(
            problems.map { $0.prefix { $0 != ":" } } == [
                "spec.kprobes[0].call", "spec.kprobes[1].call", "spec.tracepoints[0].event",
            ])
    }

    @Test("of what is not there the beginning is told, and how much more there is")
    func problemsAreBounded() throws {
        let names = (0..<500).map { "none\($0)" }.joined(separator: ", ")
        let hooks = (0..<50).map { _ in "- {call: \"list:l\", syscall: false}" }.joined(separator: "\n")
        let policy = try policy("lists: [{name: l, values: [\(names)]}]\nkprobes:\n\(hooks)")
        var kernel = FakeSurvey.full
        kernel.functionNames = ["f"]
        let error = try #require(throws: PlanError.self) { try Planner.plan(policy, on: kernel) }
        #expect(error.problems.count == 20 && error.more == 50 * 500 - 20)
        #expect(error.problems.first?.reason == "this kernel has not the function none0")
        #expect(error.description.hasSuffix("; and 24980 more"))
    }

    @Test("programs beyond those that a policy may have are not planned")
    func programsAreBounded() throws {
        let names = (0..<1000).map { "f\($0)" }.joined(separator: ", ")
        let hooks = (0..<50).map { _ in "- {call: \"list:l\", syscall: false}" }.joined(separator: "\n")
        let policy = try policy("lists: [{name: l, values: [\(names)]}]\nkprobes:\n\(hooks)")
        let kernel = FakeSurvey.full.without(.kprobe)
        let error = try #require(throws: PlanError.self) { try Planner.plan(policy, on: kernel) }
        #expect(error.problems.map(\.reason) == ["the policy needs 50000 programs, and a policy has at most 1024"])
    }

    @Test("what is mapped to be run is told where the kernel has events for that, beside hooks or alone")
    func loader() throws {
        #expect(
            try problems("loader: true", on: .full.without(.mappedFiles)) == [
                "spec.loader: what is mapped to be run is not seen: the kernel has no perf events of mapped files "
                    + "(no mapped-files); leave it out, or watch security_mmap_file or the LSM hook mmap_file"
            ])
        let alone = try plan("loader: true", on: .bare)
        #expect(alone.watchesLoads && alone.hooks.isEmpty && alone.remarks.isEmpty)
        #expect(
            alone.description == """
                policy p: 0 hooks
                  applies to  everything, the host too
                files mapped to be run
                  method      perf events of each processor, and no program
                  each file   once for each program that a process runs, with its build id
                  remark      what was mapped before is not told

                """)
        let both = try plan("kprobes: [{call: sys_read}]\nloader: true\npodSelector: {}")
        #expect(both.watchesLoads && both.hooks.count == 1 && !both.scope.isEverything)
        #expect(try !plan("kprobes: [{call: sys_read}]\nloader: false").watchesLoads)
    }

    @Test("what the agent may not be asked to do is said")
    func outreach() throws {
        let actions = "{action: GetUrl, argUrl: http://a.b}, {action: DnsLookup, argFqdn: c.d}"
        let asking = "kprobes: [{call: sys_read, selectors: [{matchActions: [\(actions)]}]}]"
        func remarks(_ hosts: [String]) throws -> [String] {
            try Planner.plan(try policy(asking), on: FakeSurvey.full, reaching: OutreachHosts(hosts))
                .hooks[0].remarks.filter { $0.contains("outreach") }
        }
        let path = "spec.kprobes[0].selectors[0].matchActions"
        #expect(
            try remarks([]) == [
                "\(path)[0]: GetUrl is told, not done: --policy-outreach-allow is not given",
                "\(path)[1]: DnsLookup is told, not done: --policy-outreach-allow is not given",
            ])
        #expect(
            try remarks(["a.b"]) == [
                "\(path)[1]: DnsLookup is told, not done: --policy-outreach-allow does not name c.d"
            ])
        #expect(try remarks(["a.b", "C.D"]) == [] && remarks(["*"]) == [])
    }

    @Test("rows are apart by container where the policy is not of everything")
    func scoped() throws {
        #expect(try plan("kprobes: [{call: sys_read}]").hooks[0].shape.is_scoped == 0)
        #expect(try plan("kprobes: [{call: sys_read}]\npodSelector: {}").hooks[0].shape.is_scoped == 1)
    }
}

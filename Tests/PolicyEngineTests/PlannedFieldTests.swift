// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Sensors
import Testing

/// Fields of what hooks pass, by the types of the kernel that runs.
@Suite struct PlannedFieldTests {
    private func exec(_ arguments: String) throws -> HookPlan {
        let plan = try plan(
            "tracepoints: [{subsystem: sched, event: sched_process_exec, raw: true, args: [\(arguments)]}]")
        return try #require(plan.hooks.first)
    }

    private func refusals(_ argument: String) throws -> [String] {
        try problems("tracepoints: [{subsystem: sched, event: sched_process_exec, raw: true, args: [\(argument)]}]")
    }

    @Test("the way to a field is the program's, and the plan shows it")
    func way() throws {
        let hook = try exec(
            "{index: 0, type: string, resolve: mm.owner.comm, label: who}, {index: 1, type: int}, "
                + "{index: 0, type: file, resolve: mm.exe_file}")
        #expect(hook.shape.ways.map(\.count) == [3, 0, 2, 0, 0, 0])
        #expect(hook.shape.values[0].type == UInt8(POL_STRING.rawValue) && hook.shape.values[0].max == 16)
        #expect(hook.shape.values.prefix(3).map(\.raw) == [0, 1, 0] && hook.shape.raw_count == 2)
        #expect(hook.shape.values[2].type == UInt8(POL_FILE.rawValue))
        let text = try plan(
            "tracepoints: [{subsystem: sched, event: sched_process_exec, raw: true, "
                + "args: [{index: 0, type: string, resolve: mm.owner.comm, label: who}]}]"
        ).description
        #expect(
            text.contains(
                "value 0 string at mm.owner.comm \"who\", read when it is posted, at most 16 bytes"), "\(text)")
    }

    @Test(
        "what is there says what it is, where the policy does not",
        arguments: [
            ("comm", ArgumentType.string), ("tgid", .int32), ("cred", .credentials), ("mm.exe_file", .file),
            ("mm.exe_file.f_path", .path), ("mm.arg_start", .uint64), ("in_execve", .uint32),
            ("mm.exe_file.f_path.dentry.d_name.name", .string), ("nsproxy.net_ns.user_ns", .userNamespace),
            ("signal.rlim[3].rlim_cur", .uint64),
        ])
    func auto(field: String, type: ArgumentType) throws {
        let hook = try exec("{index: 0, type: auto, resolve: \"\(field)\"}")
        #expect(hook.description.arguments.map(\.type) == [type])
    }

    @Test("a number is no wider than its field, and bytes are as many as there are")
    func width() throws {
        #expect(
            try exec("{index: 0, type: int64, resolve: tgid}").shape.values[0].type == UInt8(POL_I32.rawValue))
        let bytes = try exec("{index: 0, type: char_buf, resolve: comm}")
        #expect(bytes.shape.values[0].flags == UInt8(POL_IN_PLACE.rawValue) && bytes.shape.values[0].max == 16)
        #expect(bytes.remarks.isEmpty)
    }

    @Test("selectors look at the field")
    func selectors() throws {
        let plan = try plan(
            """
            tracepoints:
            - subsystem: sched
              event: sched_process_exec
              raw: true
              args: [{index: 0, type: uint32, resolve: cred.uid.val}]
              selectors:
              - matchArgs: [{index: 0, operator: GreaterThan, values: ["999"]}]
            """)
        #expect(
            plan.hooks[0].filters() == [SeenFilter(what: POL_NUMBER, index: 0, op: POL_GREATER.rawValue, a: 999)])
    }

    @Test(
        "what is not there is named, with its place and what is near",
        arguments: [
            (
                "{index: 0, type: string, resolve: mm.ownr.comm}",
                "resolve: mm.ownr.comm from the raw tracepoint sched_process_exec: struct mm_struct has no field ownr; is owner meant?"
            ),
            (
                "{index: 1, type: string, resolve: comm}",
                "resolve: comm from the raw tracepoint sched_process_exec: the argument is int and no address of a structure with comm"
            ),
            (
                "{index: 0, type: file, resolve: comm}",
                "type: comm is text of 16 bytes at most, which cannot be read as file; string could be"
            ),
            (
                "{index: 0, type: sock, resolve: mm.exe_file}",
                "type: mm.exe_file is the address of file, which cannot be read as sock; file could be"
            ),
            (
                "{index: 0, type: int, resolve: cred.uid}",
                "type: cred.uid is a structure without a name, which cannot be read as int"
            ),
            (
                "{index: 0, type: string, resolve: tgid}",
                "type: tgid is a number of 32 bits, which cannot be read as string"
            ),
        ])
    func absent(argument: String, wanted: String) throws {
        let found = try refusals(argument)
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("spec.tracepoints[0].args[0].\(wanted)"), "\(found)")
    }

    @Test("arguments of functions have fields, and so has what they return")
    func functions() throws {
        let plan = try plan(
            """
            kprobes:
            - call: vfs_read
              syscall: false
              args: [{index: 0, type: uint64, resolve: f_inode.i_ino}]
            - call: get_mm_exe_file
              syscall: false
              return: true
              args: [{index: 0, type: uint64, resolve: arg_start}]
              returnArg: {type: path, resolve: f_path}
            """)
        #expect(plan.hooks[0].shape.ways[0].count == 2)
        #expect(plan.hooks[1].shape.ways.map(\.count) == [1, 0, 0, 0, 0, 1])
        #expect(plan.hooks[1].description.returnArgument == .init(slot: 5, type: .path, label: ""))
        #expect(
            try problems(
                "kprobes: [{call: fd_install, syscall: false, return: true, returnArg: {type: int, resolve: a}}]")
                == [
                    "spec.kprobes[0].returnArg.resolve: a from the function fd_install: the function fd_install returns nothing"
                ])
    }

    @Test("functions of one hook lead the same way, or are refused together")
    func lists() throws {
        func spec(_ names: String, _ field: String) -> String {
            """
            lists: [{name: f, values: [\(names)]}]
            kprobes: [{call: "list:f", syscall: false, args: [{index: 0, type: uint64, resolve: \(field)}]}]
            """
        }
        #expect(try plan(spec("vfs_read, vfs_write", "f_inode.i_ino")).hooks.count == 1)
        let found = try problems(spec("task_active_pid_ns, get_mm_exe_file", "flags"))
        #expect(found.count == 1 && found[0].hasPrefix("spec.kprobes[0].args[0].resolve: it leads elsewhere from the "))
    }

    @Test(
        "where no types tell what is passed, fields are refused with the reason",
        arguments: [
            ("kprobes: [{call: sys_read, args: [{index: 1, type: string, resolve: a.b}]}]", "a system call passes"),
            (
                "tracepoints: [{subsystem: sched, event: sched_process_exec, args: [{index: 4, type: auto, resolve: a}]}]",
                "a tracepoint's record has no structures; with raw: true"
            ),
            (
                "uprobes: [{path: /a, symbols: [f], args: [{index: 0, type: int, resolve: a}]}]",
                "nothing tells the types"
            ),
            (
                "kprobes: [{call: apus_none, syscall: false, args: [{index: 0, type: int, resolve: a}]}]",
                "a from the function apus_none: the kernel's types say nothing of the function apus_none"
            ),
        ])
    func untyped(spec: String, reason: String) throws {
        let found = try problems(spec)
        #expect(found.count == 1 && found[0].contains(".args[0].resolve: \(reason)"), "\(found)")
    }

    @Test("a socket that is a field is shown and not tracked")
    func sockets() throws {
        let spec = """
            kprobes:
            - call: sock_sendmsg
              syscall: false
              args: [{index: 0, type: sock, resolve: sk}]
            """
        #expect(try plan(spec).hooks.count == 1)
        #expect(
            try problems(spec + "\n  selectors: [{matchActions: [{action: TrackSock, argSock: 0}]}]") == [
                "spec.kprobes[0].selectors[0].matchActions[0].argSock: argument 0 is read by way of resolve, and no "
                    + "socket can be tracked so; declare the socket itself among args"
            ])
    }
}

// SPDX-License-Identifier: Apache-2.0

import CLICore
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct CompactFormatterTests {
    private func line(_ event: Tetragon_GetEventsResponse, _ style: OutputStyle = OutputStyle()) -> String {
        CompactFormatter(style).format(event)
    }

    @Test func hostProcess() {
        #expect(
            line(Samples.exec(Samples.process("/usr/bin/ls", "-l /tmp"))) == "🚀 process node-7 /usr/bin/ls -l /tmp\n")
    }

    @Test func processWithoutArgumentsLeavesNoSpaceBehind() {
        #expect(line(Samples.exec(Samples.process("/usr/bin/ls"))) == "🚀 process node-7 /usr/bin/ls\n")
    }

    @Test("an event that stands for several says how many")
    func aggregated() {
        for (count, ending) in [(0, ""), (1, ""), (12, " ×12")] as [(UInt64, String)] {
            var event = Samples.exit(Samples.process("/usr/bin/ls", "-l"), status: 2)
            event.aggregationInfo.count = count
            #expect(line(event) == "💥 exit    node-7 /usr/bin/ls -l 2\(ending)\n")
        }
    }

    @Test func podProcess() {
        let event = Samples.exec(Samples.podProcess("/usr/sbin/nginx", "-g off"))
        #expect(line(event) == "🚀 process shop/web-1/nginx /usr/sbin/nginx -g off\n")
    }

    @Test func injectedProcessIsMarked() {
        let event = Samples.exec(Samples.podProcess("/bin/sh", inInitTree: false))
        #expect(line(event) == "🚀 process shop/web-1/nginx ⚡injected /bin/sh\n")
        var process = Samples.podProcess("/bin/sh", inInitTree: false)
        process.execOrigin.kind = .originRuntimeExec
        #expect(line(Samples.exec(process)) == "🚀 process shop/web-1/nginx ⚡injected:runtime_exec /bin/sh\n")
    }

    @Test func whatIsNotKnownToBeInjectedIsNotMarked() {
        let event = Samples.exec(Samples.podProcess("/bin/sh", inInitTree: nil))
        #expect(line(event) == "🚀 process shop/web-1/nginx /bin/sh\n")
    }

    @Test func containerWithoutPodGoesByItsNameOrItsID() {
        #expect(line(Samples.exec(Samples.containerProcess("/init", name: "db"))) == "🚀 process db /init\n")
        #expect(line(Samples.exec(Samples.containerProcess("/init"))) == "🚀 process 0123456789ab /init\n")
    }

    @Test func exitShowsSignalOrStatus() {
        let process = Samples.podProcess("/bin/false", "-x")
        #expect(line(Samples.exit(process, status: 1)) == "💥 exit    shop/web-1/nginx /bin/false -x 1\n")
        #expect(line(Samples.exit(process)) == "💥 exit    shop/web-1/nginx /bin/false -x 0\n")
        #expect(line(Samples.exit(process, signal: "SIGKILL")) == "💥 exit    shop/web-1/nginx /bin/false -x SIGKILL\n")
    }

    @Test func setUpIsNoInjection() {
        var process = Samples.podProcess("/usr/local/bin/hook", inInitTree: false)
        process.phase = .phaseSetup
        #expect(line(Samples.exec(process)) == "🚀 process shop/web-1/nginx ⚙ setup /usr/local/bin/hook\n")
    }

    @Test func timestamps() {
        let event = Samples.exec(Samples.process("/bin/ls"))
        let style = OutputStyle(showsTimestamps: true)
        #expect(line(event, style) == "2024-02-29T12:34:56.000000789Z 🚀 process node-7 /bin/ls\n")
    }

    @Test func colors() {
        let event = Samples.exit(Samples.podProcess("/bin/sh", "-c x", inInitTree: false), signal: "SIGTERM")
        let expected =
            "💥 \u{1b}[34mexit   \u{1b}[0m \u{1b}[32mshop/web-1/nginx\u{1b}[0m \u{1b}[1;33m⚡injected\u{1b}[0m "
            + "\u{1b}[35m/bin/sh\u{1b}[0m \u{1b}[36m-c x\u{1b}[0m \u{1b}[31mSIGTERM\u{1b}[0m\n"
        #expect(line(event, OutputStyle(isColored: true)) == expected)
    }

    @Test func hostileNamesStayText() {
        var process = Samples.podProcess("/tmp/\u{1b}[31mred", "one\ntwo \u{202e}three")
        process.pod.name = "web\u{9b}2J"
        process.pod.container.name = "a b"
        let expected = "🚀 process shop/web\\u{9b}2J/\"a b\" /tmp/\\u{1b}[31mred one\\ntwo \\u{202e}three\n"
        #expect(line(Samples.exec(process)) == expected)
    }

    @Test("a system call is told by its name in its ABI")
    func systemCalls() {
        func told(_ id: UInt32, _ abi: String) -> String {
            line(
                Samples.event(
                    .processTracepoint(
                        .with {
                            $0.process = Samples.process("/a")
                            $0.subsys = "raw_syscalls"
                            $0.event = "sys_enter"
                            $0.args = [
                                .with {
                                    $0.syscallID.id = id
                                    $0.syscallID.abi = abi
                                }
                            ]
                        })))
        }
        #expect(told(59, "x64") == "☎ syscall node-7 /a execve\n")
        #expect(told(221, "arm64") == "☎ syscall node-7 /a execve\n")
        #expect(told(11, "i386") == "☎ syscall node-7 /a i386/execve\n")
        #expect(told(.max, "x64") == "☎ syscall node-7 /a 4294967295\n")
        #expect(told(9999, "x64") == "☎ syscall node-7 /a 9999\n" && told(1, "mips") == "☎ syscall node-7 /a 1\n")
    }

    @Test("kernel functions that many watch say what they do")
    func kernelFunctions() {
        func told(_ function: String, _ arguments: Tetragon_KprobeArgument.OneOf_Arg...) -> String {
            line(
                Samples.event(
                    .processKprobe(
                        .with {
                            $0.process = Samples.process("/a")
                            $0.functionName = function
                            $0.args = arguments.map { argument in .with { $0.arg = argument } }
                        })))
        }
        let file = Tetragon_KprobeArgument.OneOf_Arg.fileArg(.with { $0.path = "/etc/my file" })
        #expect(
            told("__x64_sys_write", file, .bytesArg(Data([1])), .sizeArg(12))
                == "📝 write   node-7 /a \"/etc/my file\" 12 bytes\n")
        #expect(told("__arm64_sys_openat", .intArg(-100), .stringArg("/x")) == "📬️ openat  node-7 /a /x\n")
        #expect(told("fd_install", .intArg(3), file) == "📬 open    node-7 /a \"/etc/my file\"\n")
        #expect(told("security_file_permission", file, .intArg(4)) == "📚 read    node-7 /a \"/etc/my file\"\n")
        #expect(told("security_file_permission", file, .intArg(2)) == "📝 write   node-7 /a \"/etc/my file\"\n")
        let sock = Tetragon_KprobeSock.with {
            $0.protocol = "IPPROTO_TCP"
            ($0.saddr, $0.sport, $0.daddr, $0.dport) = ("10.0.0.1", 40000, "1.1.1.1", 443)
        }
        #expect(told("tcp_connect", .sockArg(sock)) == "🔌 connect node-7 /a tcp 10.0.0.1:40000 -> 1.1.1.1:443\n")
        #expect(
            told("tcp_sendmsg", .sockArg(sock), .intArg(5))
                == "📤 sendmsg node-7 /a tcp 10.0.0.1:40000 -> 1.1.1.1:443 bytes 5\n")
        #expect(
            told(
                "bpf_check",
                .bpfAttrArg(
                    .with {
                        $0.progType = "BPF_PROG_TYPE_KPROBE"
                        $0.progName = "p"
                        $0.insnCnt = 7
                    })) == "🐝 bpf_load node-7 /a BPF_PROG_TYPE_KPROBE p instruction count 7\n")
        #expect(told("__x64_sys_close") == "📪 close   node-7 /a\n")
        #expect(told("do_something", .intArg(1)) == "❓ syscall node-7 /a do_something\n")
    }

    @Test(
        "the other kinds of events",
        arguments: [
            (
                .processLoader(
                    .with {
                        $0.process = Samples.process("/a")
                        $0.buildid = Data([0x0f, 0xa0])
                        $0.path = "/lib/x.so"
                    }),
                "🧬 loader  node-7 /a 0fa0 /lib/x.so"
            ),
            (
                .processUprobe(
                    .with {
                        $0.process = Samples.process("/a")
                        $0.path = "/b"
                        $0.symbol = "main"
                    }),
                "🕵️ uprobe  node-7 /a /b main"
            ),
            (
                .processUsdt(
                    .with {
                        $0.process = Samples.process("/a")
                        $0.path = "/b"
                        $0.provider = "libc"
                        $0.name = "setjmp"
                    }),
                "🕵️ usdt    node-7 /a /b libc setjmp"
            ),
            (
                .processLsm(
                    .with {
                        $0.process = Samples.process("/a")
                        $0.functionName = "file_open"
                    }),
                "🔒 LSM     node-7 /a file_open"
            ),
            (
                .processKprobe(
                    .with {
                        $0.process = Samples.process("/a")
                        $0.functionName = "__x64_sys_bpf"
                    }),
                "❓ syscall node-7 /a __x64_sys_bpf"
            ),
            (
                .processTracepoint(
                    .with {
                        $0.process = Samples.process("/a")
                        $0.subsys = "sched"
                        $0.event = "x"
                    }),
                "⁉️ tracepoint node-7 /a sched x"
            ),
            (
                .processThrottle(
                    .with {
                        $0.type = .throttleStart
                        $0.cgroup = "user.slice"
                    }),
                "🧬 throttle node-7 START user.slice"
            ),
            (.rateLimitInfo(.with { $0.numberOfDroppedProcessEvents = 12 }), "🚦 limit   node-7 12 events held back"),
            (.test(.with { $0.arg3 = 4 }), "🧪 test    node-7 0 0 0 4"),
            (nil, "❔ unknown node-7 event of a kind that this client does not know"),
        ] as [(Tetragon_GetEventsResponse.OneOf_Event?, String)])
    func otherKinds(event: Tetragon_GetEventsResponse.OneOf_Event?, expected: String) {
        #expect(line(Samples.event(event)) == expected + "\n")
    }
}

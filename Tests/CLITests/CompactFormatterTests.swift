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

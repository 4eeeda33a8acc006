// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf
package import TetragonAPI

/// One line an event: what happened, where, by which program, and how it ended.
///
///     🚀 process default/web/nginx /bin/sh -c ls
///     💥 exit    default/web/nginx ⚡injected:runtime_exec_tty /bin/sh -c ls SIGKILL
///     🚀 process default/web/nginx /bin/true ×12
package struct CompactFormatter: EventFormatter {
    private let palette: Palette
    private let showsTimestamps: Bool

    package init(_ style: OutputStyle) {
        palette = Palette(isColored: style.isColored)
        showsTimestamps = style.showsTimestamps
    }

    package func format(_ event: Tetragon_GetEventsResponse) -> String {
        let words = headline(event) + origin(event) + program(event) + details(event) + count(event)
        let time = showsTimestamps ? event.time.nanosecondText + " " : ""
        return time + words.filter { !$0.isEmpty }.joined(separator: " ") + "\n"
    }

    /// A picture and the kind of event. The short ones are padded, so that what follows stands in a column.
    private func headline(_ event: Tetragon_GetEventsResponse) -> [String] {
        let (picture, name) =
            switch event.event {
            case .processExec: ("🚀", "process")
            case .processExit: ("💥", "exit")
            case .processKprobe(let kprobe): KprobeText(kprobe).headline
            case .processTracepoint(let tracepoint):
                tracepoint.isSyscallEntry ? ("☎", "syscall") : ("⁉️", "tracepoint")
            case .processUprobe: ("🕵️", "uprobe")
            case .processUsdt: ("🕵️", "usdt")
            case .processLsm: ("🔒", "LSM")
            case .processLoader: ("🧬", "loader")
            case .processThrottle: ("🧬", "throttle")
            case .test: ("🧪", "test")
            case .rateLimitInfo: ("🚦", "limit")
            case .loss: ("🕳", "loss")
            case nil: ("❔", "unknown")
            }
        return [picture, palette.paint(name.padded(to: 7), .blue)]
    }

    private func origin(_ event: Tetragon_GetEventsResponse) -> [String] {
        let origin = Origin(of: event.process, node: event.nodeName)
        let mark =
            switch origin.tree {
            case .injected: palette.paint("⚡injected" + (origin.way.isEmpty ? "" : ":" + origin.way), .yellow)
            case .setup: "⚙ setup"
            case .tree, .host, .unknown: ""
            }
        return [palette.paint(origin.path, .green), mark]
    }

    private func program(_ event: Tetragon_GetEventsResponse) -> [String] {
        guard let process = event.process else { return [] }
        return [palette.paint(process.binary.terminalWord, .magenta)]
    }

    private func count(_ event: Tetragon_GetEventsResponse) -> [String] {
        [palette.paint(event.countText, .bold)]
    }

    private func details(_ event: Tetragon_GetEventsResponse) -> [String] {
        switch event.event {
        case .processExec(let exec):
            [palette.paint(exec.process.arguments.terminalSafe, .cyan)]
        case .processExit(let exit):
            [palette.paint(exit.process.arguments.terminalSafe, .cyan), palette.paint(exit.outcome, .red)]
        case .processKprobe(let kprobe):
            KprobeText(kprobe).details
        case .processTracepoint(let tracepoint):
            tracepoint.isSyscallEntry
                ? tracepoint.args.prefix(1).map { palette.paint($0.shortText, .cyan) }
                : [tracepoint.subsys.terminalWord, tracepoint.event.terminalWord]
        case .processUprobe(let uprobe):
            [uprobe.path.terminalWord, uprobe.symbol.terminalWord]
        case .processUsdt(let usdt):
            [usdt.path.terminalWord, usdt.provider.terminalWord, usdt.name.terminalWord]
        case .processLsm(let lsm):
            [lsm.functionName.terminalWord]
        case .processLoader(let loader):
            [loader.buildid.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(), loader.path.terminalWord]
        case .processThrottle(let throttle):
            [throttle.type.shortText, throttle.cgroup.terminalWord]
        case .test(let test):
            [test.arg0, test.arg1, test.arg2, test.arg3].map(String.init)
        case .rateLimitInfo(let info):
            ["\(info.numberOfDroppedProcessEvents) events held back"]
        case .loss(let loss):
            [palette.paint(loss.text, .red)]
        case nil:
            ["event of a kind that this client does not know"]
        }
    }
}

extension Tetragon_ProcessExit {
    /// The signal, or the status when there was none.
    var outcome: String {
        signal.isEmpty ? String(status) : signal.terminalWord
    }
}

extension Tetragon_GetEventsResponse {
    /// "×12" for an event that stands for twelve.
    var countText: String { aggregationInfo.count > 1 ? "×\(aggregationInfo.count)" : "" }
}

extension Tetragon_EventLoss {
    /// What is missing, and why.
    var text: String {
        gaps.map { gap in
            switch gap.cause {
            case .ringFull:
                "\(gap.count) records lost: the ring was full" + (gap.hasCpu ? " on CPU \(gap.cpu.value)" : "")
            case .malformed: "\(gap.count) records lost: they could not be read"
            case .missed: "\(gap.count) missed by the kernel"
            case .slowClient: "\(gap.count) events lost: this client is too slow"
            case .unspecified, .UNRECOGNIZED: "\(gap.count) lost"
            }
        }.joined(separator: ", ")
    }
}

extension Tetragon_ProcessTracepoint {
    fileprivate var isSyscallEntry: Bool { subsys == "raw_syscalls" && event == "sys_enter" }
}

extension Tetragon_KprobeArgument {
    /// A system call by its name or its number.
    fileprivate var shortText: String {
        switch arg {
        case .stringArg(let name): name.terminalWord
        case .syscallID(let call): call.shortText
        case .longArg(let number): String(number)
        case .sizeArg(let number): String(number)
        case .intArg(let number): String(number)
        case .uintArg(let number): String(number)
        default: ""
        }
    }
}

extension Tetragon_ThrottleType {
    fileprivate var shortText: String {
        switch self {
        case .throttleStart: "START"
        case .throttleStop: "STOP"
        case .throttleUnknown, .UNRECOGNIZED: "?"
        }
    }
}

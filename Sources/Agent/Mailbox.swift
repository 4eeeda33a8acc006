// SPDX-License-Identifier: Apache-2.0
import CLinux
import Containers
import Glibc
import Models
import Policies
import Processes
import Server
import Synchronization

/// What other threads ask of the writer, taken by it between batches.
final class Mailbox: Sendable {
    enum Message {
        case register(Registration, CheckedContinuation<Result<Accepted, RegistrationError>, Never>)
        case pods(PodChange, source: String)
        case found([Container])
        case containers(CheckedContinuation<[KnownContainer], Never>)
        case ledger(CheckedContinuation<Ledger?, Never>)
        /// The pids of the process table, and what it holds of the first of some.
        case pids(CheckedContinuation<[UInt32], Never>)
        case page(of: ArraySlice<UInt32>, CheckedContinuation<TrackedPage, Never>)
        case testSensor(isOn: Bool, CheckedContinuation<Void, Never>)
        /// Hooks of policies that are about to hold, and rows of those that hold no more.
        case learn([HookDescription], CheckedContinuation<Void, Never>)
        case forget([UInt32], CheckedContinuation<Void, Never>)
        /// What is mapped to be run, or nobody asks for it any more.
        case watchLoads(LoadWatch?, CheckedContinuation<Void, Never>)
        /// Events with stacks whose places have names by now.
        case named(StackThread.Named)
        case stop

        fileprivate func refuse() {
            switch self {
            case .register(_, let continuation):
                continuation.resume(
                    returning: .failure(RegistrationError(.unavailable, "the agent is going and takes no container")))
            case .containers(let continuation): continuation.resume(returning: [])
            case .ledger(let continuation): continuation.resume(returning: nil)
            case .pids(let continuation): continuation.resume(returning: [])
            case .page(let pids, let continuation):
                continuation.resume(returning: TrackedPage(covered: pids.count))
            case .testSensor(_, let continuation), .learn(_, let continuation), .forget(_, let continuation),
                .watchLoads(_, let continuation):
                continuation.resume()
            case .pods, .found, .named, .stop: break
            }
        }
    }

    /// What the writer knows of a container that it has entered.
    struct Accepted: Sendable {
        /// How often the init had exec'd by then; nil where that is not known.
        let initExecs: UInt32?
    }

    /// An eventfd that ends the writer's naps and sleeps.
    let wakeDescriptor = apus_eventfd()

    private let state = Mutex<(mail: [Message], isClosed: Bool)>(([], false))
    private let hasMail = Atomic(false)

    deinit { close(wakeDescriptor) }

    /// A closed box refuses at once.
    func send(_ message: Message) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.mail.append(message) }
            return state.isClosed
        }
        if isClosed { return message.refuse() }
        // The count before the flag: who sees the flag finds the count, and none is left to keep the writer awake.
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
        hasMail.store(true, ordering: .releasing)
    }

    /// What has come since the last call. Writer thread only.
    func take() -> [Message] {
        guard hasMail.exchange(false, ordering: .acquiring) else { return [] }
        var count: UInt64 = 0
        _ = read(wakeDescriptor, &count, 8)
        return state.withLock { state in
            defer { state.mail = [] }
            return state.mail
        }
    }

    /// Nobody reads any more: whoever waits is told, and so is whoever comes.
    func refuse() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.mail = [] }
            return state.mail
        }
        for message in waiting { message.refuse() }
    }
}

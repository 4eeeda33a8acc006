// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import Policies
import Processes
import Sensors
import Server
import Symbols

/// What others ask of the writer, and how it takes that between two batches.
extension Writer {
    /// Returns when registry and kernel hold the container and its init is armed.
    func register(_ registration: Registration) async throws(RegistrationError) -> Mailbox.Accepted {
        let outcome = await withCheckedContinuation { mailbox.send(.register(registration, $0)) }
        return try outcome.get()
    }

    /// A source of pods has something to tell.
    func tell(_ change: PodChange, from source: String) { mailbox.send(.pods(change, source: source)) }

    /// Runtimes have told of containers.
    func tell(found: [Container]) { mailbox.send(.found(found)) }

    /// Has the runtimes asked for containers of which nobody told.
    func askRuntimes() { sayNameless.yield() }

    /// Every container that is known now.
    func containers() async -> [KnownContainer] {
        await withCheckedContinuation { mailbox.send(.containers($0)) }
    }

    /// What became of everything so far; nil of a writer that has ended.
    func ledger() async -> Ledger? { await withCheckedContinuation { mailbox.send(.ledger($0)) } }

    /// The host pids of the process table.
    func pids() async -> [UInt32] { await withCheckedContinuation { mailbox.send(.pids($0)) } }

    /// What the process table holds of the first of these pids.
    func page(of pids: ArraySlice<UInt32>) async -> TrackedPage {
        await withCheckedContinuation { mailbox.send(.page(of: pids, $0)) }
    }

    /// From the return on, execs with the sensor's marker make Test events, or do not.
    func setTestSensor(_ isOn: Bool) async {
        await withCheckedContinuation { mailbox.send(.testSensor(isOn: isOn, $0)) }
    }

    /// From the return on, records of these hooks' rows are understood. To be called before a row holds.
    func learn(_ hooks: [HookDescription]) async {
        // A first stack is not to wait for the kernel's symbols.
        if hooks.contains(where: \.wantsKernelStack) { await stacks.prepare() }
        await withCheckedContinuation { mailbox.send(.learn(hooks, $0)) }
    }

    /// To be called when the rows hold no more. What has come of them by then is told; what comes later is counted.
    func forget(_ rows: [UInt32]) async { await withCheckedContinuation { mailbox.send(.forget(rows, $0)) } }

    /// From the return on, files that are mapped to be run are told, or none.
    func watch(_ loads: LoadWatch?) async { await withCheckedContinuation { mailbox.send(.watchLoads(loads, $0)) } }

    /// The kernel stacks of a policy's hits; nil where it has none.
    func stackTree(ofPolicy name: String) -> StackTree.Node? { stacks.tree(of: name) }

    func takeMail() -> Bool {
        var running = true
        for message in mailbox.take() {
            switch message {
            case .register(let registration, let continuation):
                catchUp()
                do throws(RegistrationError) {
                    try enter(registration)
                    // Policies hold in it before it goes on.
                    tellScopes()
                    continuation.resume(
                        returning: .success(.init(initExecs: tracker.execs(of: registration.initProcess))))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
                renewReport()
            case .pods(let change, let source): tracker.registry.apply(change, from: source)
            case .found(let found):
                catchUp()
                learn(found)
                markLateTrees()
            case .containers(let continuation): continuation.resume(returning: tracker.registry.known)
            case .ledger(let continuation): continuation.resume(returning: balance())
            case .pids(let continuation): continuation.resume(returning: tracker.pids)
            case .page(let pids, let continuation): continuation.resume(returning: tracker.page(of: pids))
            case .testSensor(let isOn, let continuation):
                isTestSensorOn = isOn
                continuation.resume()
            case .learn(let hooks, let continuation):
                for hook in hooks { tracker.learn(hook: hook) }
                continuation.resume()
            case .forget(let rows, let continuation):
                catchUp()
                for row in rows { tracker.forget(row: row) { wait($0) } }
                stacks.keepTrees(of: tracker.policies)
                continuation.resume()
            case .watchLoads(let watch, let continuation):
                change(to: watch)
                continuation.resume()
            case .named(let named):
                if let event = naming.take(named) { add(event, hasNames: true) }
            case .stop:
                running = false
            }
        }
        return running
    }

    func change(to watch: LoadWatch?) {
        if let loads, watch?.files !== loads.files {
            catchUp()
            tracker.releaseAllLoads { wait($0) }
            earlierLosses.noRoom += loads.files.lost
            earlierLosses.malformed += loads.files.malformed
        }
        loads = watch
    }

    /// What happened before a hook's call is applied before it: that its directory was made, and by whom, and what other
    /// hooks did there. Bounded, so that no hook waits behind a storm.
    func catchUp() {
        for _ in 0..<Self.roundsBeforeMail {
            if drain() < Self.batch { return }
        }
    }
}

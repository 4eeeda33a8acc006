// SPDX-License-Identifier: Apache-2.0
import Containers
import Logging
import Models
import PolicyEngine
import Processes
import Sensors

/// What is known of containers, and who is told of it.
extension Writer {
    /// Marks found trees in the kernel. A child forked before its parent's mark has none; the ring tells of it, and it
    /// is marked in turn until nobody is left.
    func seed(_ seeds: [ProcessTracker.TreeSeed]) throws {
        var seeds = seeds
        var marked: Set<UInt32> = []
        seeds += tracker.takeLateTrees()
        while !seeds.isEmpty {
            try sensors.seedTree(tgids: seeds.map(\.tgid), cgroups: seeds.map(\.cgroup))
            marked.formUnion(seeds.map(\.tgid))
            seeds = []
            while sensors.drain(
                limit: Self.batch,
                {
                    if let late = ProcessTracker.unmarkedChild($0, of: marked) { seeds.append(late) }
                    apply($0)
                }) > 0
            { publish() }
            seeds += tracker.takeLateTrees()
        }
    }

    /// Trees that began before anybody told of the container. Who has gone meanwhile needs no mark; who forks meanwhile
    /// is marked in turn, within bounds.
    func markLateTrees() {
        var seeds = tracker.takeLateTrees()
        var marked: Set<UInt32> = []
        for _ in 0..<Self.roundsBeforeMail where !seeds.isEmpty {
            try? sensors.seedTree(tgids: seeds.map(\.tgid), cgroups: seeds.map(\.cgroup))
            marked.formUnion(seeds.map(\.tgid))
            seeds = []
            _ = drain { if let late = ProcessTracker.unmarkedChild($0, of: marked) { seeds.append(late) } }
            seeds += tracker.takeLateTrees()
        }
    }

    /// A container from before. Of one that is both stored and spooled the store knows more, and comes first.
    func remember(_ container: Container) {
        if tracker.registry.containers[container.cgroup]?.isToldByHook == true { return }
        // It was there when it was read; what goes from now on says so.
        guard isPresent(container) else { return }
        do throws(RegistrationError) {
            try tracker.registry.register(container, namespaces: container.namespaces)
            log.info(
                "container known from before",
                metadata: [
                    "id": "\(container.identity.id.text)", "source": "\(container.source.rawValue)",
                    "cgroup": "\(container.cgroupPath)", "init": "\(container.initProcess ?? 0)",
                ])
        } catch {
            log.warning(
                "container from before refused",
                metadata: [
                    "id": "\(container.identity.id.text)", "source": "\(container.source.rawValue)",
                    "error": "\(error)",
                ])
        }
    }

    func learn(_ found: [Container]) {
        for container in found where isPresent(container) {
            switch tracker.registry.learn(container) {
            case .none: break
            case .new: tracker.registered(container.cgroup) { letGo($0) }
            case .contradiction(let told):
                contradictions += 1
                let identity = container.identity
                log.warning(
                    "a container's annotations say something else than its runtime",
                    metadata: [
                        "id": "\(told.id.text)",
                        "annotations": "\(told.podNamespace)/\(told.podName)/\(told.name)",
                        "runtime": "\(identity.podNamespace)/\(identity.podName)/\(identity.name)",
                    ])
            }
        }
    }

    /// What policies ask about containers is theirs to know.
    func tellScopes() {
        for cgroup in tracker.registry.takeChanged() {
            guard let container = tracker.registry.containers[cgroup] else {
                scopes.remove(cgroup)
                sensors.forgetContainer(of: cgroup)
                continue
            }
            var problems = scopes.set(cgroup, ScopedContainer(container))
            for directory in tracker.registry.directories(of: container) {
                do { try sensors.setContainer(cgroup, of: directory) } catch { problems.append("\(error)") }
            }
            for problem in problems {
                log.error(
                    "a policy does not hold in a container",
                    metadata: ["id": "\(container.identity.id.text)", "error": "\(problem)"])
            }
        }
    }

    func isPresent(_ container: Container) -> Bool {
        hierarchy.id(ofPath: container.cgroupPath) == container.cgroup
    }

    /// All or nothing: what cannot be armed is not registered.
    func enter(_ registration: Registration) throws(RegistrationError) {
        try tracker.registry.admit(registration)
        let before = tracker.registry.containers[registration.cgroup]
        try tracker.registry.register(Container(registration), namespaces: registration.namespaces)
        Failpoint.containerEntered.reach()
        do {
            try sensors.arm(tgid: registration.initProcess, cgroup: registration.initCgroup)
            Failpoint.initArmed.reach()
            // It was the init's pid and directory when they were looked up, and they still are, or nothing must stay.
            guard registration.holds(in: procfs, hierarchy) else {
                throw RegistrationError(
                    .unavailable,
                    "init \(registration.initProcess) of container \(registration.identity.id.text) has left its cgroup"
                )
            }
            // Who gave up waiting before the init was armed let it go on: its program may run already.
            guard registration.isAwaited() else {
                throw RegistrationError(
                    .unavailable, "the hook of container \(registration.identity.id.text) did not wait for the answer")
            }
        } catch {
            // What an earlier hook of the same container had armed stays so.
            if before?.isToldByHook != true { sensors.disarm(tgid: registration.initProcess) }
            tracker.registry.forget(registration.cgroup)
            if let before { try? tracker.registry.register(before, namespaces: before.namespaces) }
            throw error as? RegistrationError
                ?? RegistrationError(.failed, "cannot arm init \(registration.initProcess): \(error)")
        }
        tracker.registered(registration.cgroup) { letGo($0) }
    }
}

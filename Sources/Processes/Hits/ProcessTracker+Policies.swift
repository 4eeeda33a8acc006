// SPDX-License-Identifier: Apache-2.0
internal import CRecords
package import Policies
internal import Sensors

/// Hits of policies' hooks.
extension ProcessTracker {
    /// What records of the hook's row mean. To be known before the row holds.
    package mutating func learn(hook: HookDescription) { hooks[hook.row] = hook }

    /// The row holds no more. Calls that have not returned leave without what they return.
    package mutating func forget(row: UInt32, emit: (ProcessEvent) -> Void) {
        tellUnreturned(calls.take(ofRow: row), emit: emit)
        hooks[row] = nil
    }

    /// Those of which a hook is known.
    package var policies: Set<String> { Set(hooks.values.map(\.policy)) }

    /// Nanoseconds since 1970 of a moment in boot time.
    package func wallTime(_ boot: UInt64) -> Int64 { clock.wall(boot) }

    /// Calls that wait for their return.
    package var pendingCalls: Int { calls.count + partialHits.count }

    /// Calls that have taken too long are told without what they return.
    package mutating func releaseOverdueCalls(at now: UInt64, emit: (ProcessEvent) -> Void) {
        if !calls.isEmpty { tellUnreturned(calls.overdue(at: now), emit: emit) }
    }

    package mutating func releaseAllCalls(emit: (ProcessEvent) -> Void) {
        finishHits(emit: emit)
        tellUnreturned(calls.takeAll(), emit: emit)
    }

    /// Nothing of a process comes behind its end.
    mutating func releaseCalls(of pid: UInt32, emit: (ProcessEvent) -> Void) {
        if !calls.isEmpty { tellUnreturned(calls.take(ofProcess: pid), emit: emit) }
    }

    private mutating func tellUnreturned(_ events: [ProcessEvent], emit: (ProcessEvent) -> Void) {
        counters.unreturned += UInt64(events.count)
        for event in events { offer(event, emit: emit) }
    }

    /// A record of a hit, from the ring.
    mutating func policy(_ view: PolicyView, record: UnsafeRawBufferPointer, emit: (ProcessEvent) -> Void) {
        counters.policies += 1
        if !partialHits.isEmpty {
            for hit in partialHits.takeOthers(of: view.fixed.tid, than: view.fixed.call) { finish(hit, emit: emit) }
        }
        if let hit = PartialHit(view, record: record) {
            for hit in partialHits.add(hit) { finish(hit, emit: emit) }
        } else {
            policy(view, [:], emit: emit)
        }
    }

    /// More of a value.
    mutating func policyData(_ view: PolicyDataView, emit: (ProcessEvent) -> Void) {
        counters.policyData += 1
        for hit in partialHits.append(view) { finish(hit, emit: emit) }
    }

    /// No more of long values will come: of a process that ends or executes another program, or of any.
    mutating func finishHits(of pid: UInt32? = nil, emit: (ProcessEvent) -> Void) {
        guard !partialHits.isEmpty else { return }
        for hit in partialHits.take(ofProcess: pid) { finish(hit, emit: emit) }
    }

    private mutating func finish(_ hit: PartialHit, emit: (ProcessEvent) -> Void) {
        hit.record.withUnsafeBytes { record in
            // It was decoded once already: it cannot fail now.
            guard let view = try? PolicyView(record) else { return }
            policy(view, hit.rests, emit: emit)
        }
    }

    private mutating func policy(
        _ view: PolicyView, _ rests: [UInt8: ValueRest], emit: (ProcessEvent) -> Void
    ) {
        guard let hook = hooks[view.fixed.row] else {
            counters.unknownPolicies += 1
            return
        }
        agentActions += hook.agentActions(of: view)
        // By another program in the midst of an exec: that is not over for it.
        for (cpu, exec) in pending where exec.image.isSameProcess(as: view.fixed.image) {
            finishPending(cpu: cpu, emit: emit)
        }
        let key = PolicyCalls.Key(tid: view.fixed.tid, call: view.fixed.call, row: view.fixed.row)
        if view.has(POL_IS_RETURN) { return ended(hook, view, rests, key, emit: emit) }
        if view.has(POL_NOT_POSTED) {
            counters.unwanted += 1
            return
        }
        let event = event(PolicyHit(hook, view, rests, host: detailSettings.host), view)
        if view.has(POL_AWAITS_RETURN) {
            tellUnreturned(calls.add(key, event), emit: emit)
        } else {
            offer(event, emit: emit)
        }
    }

    private mutating func ended(
        _ hook: HookDescription, _ view: PolicyView, _ rests: [UInt8: ValueRest], _ key: PolicyCalls.Key,
        emit: (ProcessEvent) -> Void
    ) {
        let begun = calls.take(key)
        if view.has(POL_DROPPED_AT_RETURN) || view.has(POL_NOT_POSTED) {
            counters.unwanted += begun == nil ? 1 : 2
        } else if let begun, case .policy(let hit) = begun.kind {
            counters.joined += 1
            offer(begun.with(.policy(PolicyHit(hit, endedBy: view, rests))), emit: emit)
        } else {
            offer(event(PolicyHit(returnOf: hook, view, rests, host: detailSettings.host), view), emit: emit)
        }
    }

    private mutating func event(_ hit: PolicyHit, _ view: PolicyView) -> ProcessEvent {
        event(.policy(hit), view.fixed.head.time, actor(view.fixed))
    }

    /// Who did it. An exec that has begun and is not told yet is still the old program's doing.
    private mutating func actor(_ record: rec_policy) -> ProcessEntry {
        guard let entry = entry(record.image) else {
            counters.unknownActors += 1
            return ProcessEntry(
                key: record.image, parent: nil,
                content: .image(remember(strangerImage(record.image, cgroup: record.cgroup_id, inTree: false))))
        }
        if entry.key.exec_count > record.image.exec_count, let before = entry.parent,
            before.key == record.image
        {
            return before
        }
        return entry
    }
}

extension HookDescription {
    /// What the agent itself is asked to do, whatever else the selector has done.
    fileprivate func agentActions(of view: PolicyView) -> [AgentAction] {
        guard !view.has(POL_IS_MONITORED), !view.has(POL_DROPPED_AT_RETURN) else { return [] }
        let all = view.has(POL_IS_RETURN) ? returnActions : actions
        guard Int(view.fixed.selector) < all.count else { return [] }
        return all[Int(view.fixed.selector)].filter { $0.reachedHost != nil }.map { .init(action: $0, policy: policy) }
    }
}

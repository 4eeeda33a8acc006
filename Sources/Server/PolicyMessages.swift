// SPDX-License-Identifier: Apache-2.0
internal import Policies
internal import PolicyEngine
internal import SwiftProtobuf
internal import TetragonAPI

extension PolicyStatus {
    var message: Tetragon_TracingPolicyStatus {
        .with {
            $0.id = id
            $0.name = key.name
            $0.namespace = key.namespace
            $0.info = info
            $0.sensors = sensors
            $0.enabled = isLoaded
            $0.filterID = filterID
            $0.error = error
            $0.state = Tetragon_TracingPolicyState(rawValue: state.rawValue) ?? .tpStateUnknown
            $0.kernelMemoryBytes = kernelMemory
            $0.mode = mode == .enforce ? .tpModeEnforce : canEnforce ? .tpModeMonitor : .tpModeMonitorOnly
            $0.stats = counts.message
            $0.stats.selectorActionCounters = hooks.flatMap(\.counters)
            if earlierCounts != PolicyCounts() {
                $0.stats.selectorActionCounters.append(.with { $0.actionCounters = earlierCounts.actionCounters })
            }
            $0.hookStatuses = hooks.map(\.message)
        }
    }
}

extension HookStatus {
    fileprivate var message: Tetragon_HookStatus {
        .with {
            $0.section = origin.section
            $0.state = Tetragon_HookState(rawValue: state.rawValue) ?? .statusUnspecified
            $0.hookDescription = place
            $0.hookIdx = UInt32(clamping: origin.index)
            $0.name = name
            $0.method = method
        }
    }

    fileprivate var counters: [Tetragon_TracingPolicySelectorActionCounters] {
        accounts.map { account in
            .with {
                $0.section = origin.section
                $0.hook = name
                $0.hookIndex = Google_Protobuf_UInt32Value(UInt32(clamping: origin.index))
                if let selector = account.selector {
                    $0.selectorIndex = Google_Protobuf_UInt32Value(UInt32(clamping: selector))
                }
                $0.selectorLabel = account.label
                $0.actionCounters = account.counts.actionCounters
            }
        }
    }
}

extension PolicyCounts {
    var message: Tetragon_TracingPolicyStats {
        .with {
            $0.hits = hits
            $0.missed = missed
            $0.actionCounters = actionCounters
        }
    }

    fileprivate var actionCounters: Tetragon_TracingPolicyActionCounters {
        .with {
            $0.post = posts
            $0.signal = signals
            $0.monitorSignal = monitoredSignals
            $0.override = overrides
            $0.monitorOverride = monitoredOverrides
            $0.notifyEnforcer = notices
            $0.monitorNotifyEnforcer = monitoredNotices
            $0.nopost = unposted
            $0.rateLimited = limited
            $0.signalFailed = failedSignals
            $0.notifyEnforcerFailed = failedNotices
            $0.hashFailed = failedHashes
        }
    }
}

extension PolicyDump {
    var message: Apus_V1_DumpPoliciesResponse {
        .with {
            $0.generation = generation
            $0.binarySets = UInt32(clamping: binarySets)
            $0.binarySetsLimit = UInt32(clamping: binarySetsLimit)
            $0.containers = UInt32(clamping: containers)
            $0.omittedRows = UInt64(clamping: omittedRows)
            $0.programs = programs.map(\.message)
        }
    }
}

extension PolicyDump.Program {
    fileprivate var message: Apus_V1_PolicyProgram {
        .with {
            $0.number = number
            $0.sensor = sensor
            $0.kernelMemoryBytes = kernelMemory
            $0.misses = .with {
                $0.recursion = misses.recursion
                $0.probe = misses.probe
                $0.busy = misses.busy
                $0.returns = misses.returns
            }
            $0.rowsLimit = UInt32(clamping: rowsLimit)
            $0.lists = UInt32(clamping: lists)
            $0.listsLimit = UInt32(clamping: listsLimit)
            $0.rows = rows.map(\.message)
        }
    }
}

extension PolicyDump.Row {
    fileprivate var message: Apus_V1_PolicyProgram.Row {
        .with {
            $0.slot = slot
            $0.id = id
            $0.policy = policy.name
            $0.namespace = policy.namespace
            $0.from = from
            $0.monitored = isMonitored
            $0.scoped = isScoped
            $0.sets = sets
            $0.binarySets = binarySets
            $0.stats = counts.message
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

/// Every metric of the agent. docs/metrics.md is made of this list.
///
/// No label has a value that comes from a container: how many series there are does not depend on what runs on the node.
package enum Catalogue {
    package static let build = MetricFamily(
        "apus_build_info", .gauge, "1, with the agent's version.", by: .init("version"))
    package static let ready = MetricFamily(
        "apus_ready", .gauge, "1 once sensors are attached and existing processes are known.")

    // MARK: From the kernel

    package static let recordsReceived = MetricFamily(
        "apus_records_received_total", .counter, "Records that the kernel's programs sent and the agent read.")
    package static let recordsLost = MetricFamily(
        "apus_records_lost_total", .counter, "Records that never became events, by cause.",
        by: .init("cause", ["ring_full", "malformed", "missed"]))
    package static let recordsLate = MetricFamily(
        "apus_records_late_total", .counter,
        "Records found only when the reader's longest sleep ended. Anything but 0 is a fault.")
    package static let storageFailures = MetricFamily(
        "apus_tree_marks_failed_total", .counter,
        "Processes whose mark of a container's tree the kernel had no memory for: in_init_tree may be false.")

    package static let environmentsCut = MetricFamily(
        "apus_environments_cut_total", .counter,
        "Processes whose environment is wanted and not or not wholly told.")
    package static let loadsLost = MetricFamily(
        "apus_loads_lost_total", .counter,
        "Files mapped to be run, as policies with loader ask for, that never became events, by cause.",
        by: .init("cause", ["ring_full", "malformed", "crowded", "unknown_process"]))

    // MARK: Events

    package static let execs = MetricFamily(
        "apus_execs_total", .counter, "Exec events, by where the process comes from (docs/identity.md).",
        by: .init("origin", origins))
    package static let exits = MetricFamily("apus_exits_total", .counter, "Exit events.")
    package static let eventsDelivered = MetricFamily(
        "apus_events_delivered_total", .counter, "Events handed to subscribers; one counts for each of them.")
    package static let eventsLost = MetricFamily(
        "apus_events_lost_total", .counter, "Events that a subscriber was too slow for.")
    package static let subscribers = MetricFamily(
        "apus_subscribers", .gauge, "Clients that read events, the export included.")

    // MARK: Identity

    package static let processes = MetricFamily("apus_processes", .gauge, "Processes in the process table.")
    package static let containers = MetricFamily("apus_containers", .gauge, "Containers that are known.")
    package static let contradictions = MetricFamily(
        "apus_containers_contradicted_total", .counter,
        "Containers whose annotations say something else than their runtime's records.")
    package static let refusals = MetricFamily(
        "apus_registrations_refused_total", .counter, "Containers that a hook's caller was not believed, by cause.",
        by: .init("cause", ["invalid", "denied", "unavailable", "busy", "failed"]))
    package static let connectionsClosed = MetricFamily(
        "apus_hook_connections_closed_total", .counter,
        "Connections closed as too many, to the hook's socket or another.")
    package static let held = MetricFamily(
        "apus_events_held_total", .counter, "Events that waited until their container was known.")
    package static let heldSeconds = MetricFamily(
        "apus_events_held_seconds_total", .counter, "How long those waited, all together.")
    package static let longestHeld = MetricFamily(
        "apus_events_held_longest_seconds", .gauge, "How long the one that waited longest did.")
    package static let unnamed = MetricFamily(
        "apus_events_unnamed_total", .counter, "Events that waited and left without their container's name.")

    // MARK: What policies ask of the agent

    package static let policyRequests = MetricFamily(
        "apus_policy_requests_total", .counter, "What became of the GetUrl of policies.", by: outreach)
    package static let policyLookups = MetricFamily(
        "apus_policy_lookups_total", .counter, "What became of the DnsLookup of policies.", by: outreach)
    private static let outreach = MetricFamily.Label("outcome", ["done", "failed", "dropped", "refused"])

    // MARK: The agent itself

    package static let cpu = MetricFamily(
        "process_cpu_seconds_total", .counter, "User and system time that the agent has had.")
    package static let resident = MetricFamily(
        "process_resident_memory_bytes", .gauge, "The agent's resident memory.")
    package static let descriptors = MetricFamily("process_open_fds", .gauge, "Open file descriptors.")
    package static let started = MetricFamily(
        "process_start_time_seconds", .gauge, "When the agent started, in seconds since 1970.")

    package static let all = ofAgent + ofPolicies

    private static let ofAgent = [
        build, ready, recordsReceived, recordsLost, recordsLate, storageFailures, environmentsCut, loadsLost, execs,
        exits, eventsDelivered, eventsLost, subscribers, processes, containers, contradictions, refusals,
        connectionsClosed, held, heldSeconds, longestHeld, unnamed, policyRequests, policyLookups, cpu, resident,
        descriptors, started,
    ]

    /// The API's kinds of origin, in their order, in the words of ``MetricFamily``.
    package static let origins = [
        "unknown", "init_tree", "exec_probe", "lifecycle_hook", "runtime_exec", "runtime_exec_tty", "namespace_entry",
        "runtime_setup", "host",
    ]

    /// The table of docs/metrics.md.
    package static var table: String {
        "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n"
            + all.map { family in
                let labels = family.labels.map { label in
                    "`\(label.name)`"
                        + (label.values.isEmpty ? "" : ": " + label.values.map { "`\($0)`" }.joined(separator: ", "))
                }
                let cells = [
                    "`\(family.name)`", family.kind.rawValue, labels.joined(separator: "; "), family.help,
                ]
                return "| \(cells.joined(separator: " | ")) |\n"
            }.joined()
    }
}

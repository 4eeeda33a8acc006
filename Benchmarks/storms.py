# SPDX-License-Identifier: Apache-2.0
"""What the agent costs those who execute programs, and what it costs itself."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import aims
from agent import Agent, Receiver
from figures import Figure, Spread
from workshop import Failure, Workshop

STATS = Path("/proc/sys/kernel/bpf_stats_enabled")


def exec_storm(workshop: Workshop) -> list[Figure]:
    """fork+exec+exit without an agent, with one, and with one that has a subscriber, in interleaved rounds."""
    # Many short rounds rather than few long ones: what else the machine does should be the same for all three.
    rounds, execs = 21, 500
    names = ["nothing", "agent", "subscriber"]
    results = {(name, workers): [] for name in names for workers in (1, 2)}
    for index in range(rounds):
        turn = index % len(names)
        for name in names[turn:] + names[:turn]:
            with contextlib.ExitStack() as stack:
                if name != "nothing":
                    agent = stack.enter_context(Agent(workshop))
                    if name == "subscriber":
                        stack.enter_context(Receiver(workshop, agent))
                workshop.storm(100)
                for workers in (1, 2):
                    results[name, workers].append(workshop.storm(execs * workers, workers))

    figures = []
    for kind, key in (("p50", "p50"), ("CPU of who executes", "cpu")):
        for workers, pace in ((1, "one at a time"), (2, "two at a time")):
            for name, label in (("agent", "with the agent"), ("subscriber", "with a subscriber")):
                baseline, measured = (
                    [result[key] for result in results[variant, workers]] for variant in ("nothing", name))
                judged = (key, name, workers) == ("p50", "subscriber", 1)
                figures.append(
                    Figure(
                        f"exec storm: fork+exec+exit of a static no-op, {kind}", f"{pace}, {label}", "µs",
                        Spread.of(measured).scaled(1e-3), Spread.of(baseline).scaled(1e-3), "×",
                        Spread.of([after / before for after, before in zip(measured, baseline)]),
                        aims.STORM_RATIO if judged else None, aims.PEER_STORM if judged else "",
                        note=f"the quietest rounds: ×{min(measured) / min(baseline):.3f}" if key == "p50" else ""))
    return figures


def long_storm(workshop: Workshop) -> list[Figure]:
    """Storms of 20,000, with a subscriber and JSON export: what is lost, how late events are, CPU and memory."""
    execs, storms = 20_000, 3
    lost, missing_json, late, cpu, resident = [], [], [], [], []
    with Agent(workshop, export=True) as agent:
        time.sleep(1)
        resident.append(agent.resident_mb)
        before = agent.ledger
        for number in range(1, storms + 1):
            cpu_before = agent.cpu_ns
            with Receiver(workshop, agent, expected=execs) as receiver:
                workshop.storm(execs, workers=2)
                result = receiver.result(seconds=10)
            time.sleep(0.5)
            cpu.append((agent.cpu_ns - cpu_before) / execs)
            resident.append(agent.resident_mb)
            late.append(result["latency"])
            lost.append(2 * execs - result["execs"] - result["exits"])
            missing_json.append(2 * execs * number - exported(agent, workshop.program("noop")))
        after = agent.ledger
    told = {key: after[key] - before[key] for key in ("received", "lost", "undelivered")}

    losses, delay, price, memory = (
        "events lost in 20,000 execs, two at a time", "kernel to client, in that storm",
        "the agent's own cost of a fork+exec+exit", "resident memory")
    first = Spread.exactly(resident[0])
    return [
        Figure(losses, "at the subscriber", "", Spread.of(lost), aim=aims.LOST_EVENTS, peer=aims.PEER_LOST,
               note=f"the ledger, of {storms} storms: {told['received']:,} records received, {told['lost']} lost, "
                    f"{told['undelivered']} events lost by slow clients"),
        Figure(losses, "in the JSON file", "", Spread.of(missing_json), aim=aims.LOST_EVENTS),
        Figure(losses, "told by the ledger", "", Spread.exactly(told["lost"] + told["undelivered"]),
               aim=aims.LOST_EVENTS),
        *_delays(delay, late, wanted=False),
        Figure(price, "CPU, with a subscriber and JSON export", "µs", Spread.of(cpu).scaled(1e-3),
               peer=aims.PEER_CPU),
        Figure(memory, f"after {execs:,} execs", "MB", Spread.exactly(resident[1]), first,
               aim=aims.RSS_AFTER_STORM_MB, peer=aims.PEER_RSS_STORM, note="baseline: before them"),
        Figure(memory, f"after {execs * storms:,} execs", "MB", Spread.exactly(resident[-1]),
               Spread.exactly(resident[1]), "+", note=f"flat is the aim; baseline: after {execs:,}"),
    ]


def calm(workshop: Workshop) -> list[Figure]:
    """From the kernel to the client when little happens: 200 execs a second."""
    execs, late = 500, []
    with Agent(workshop) as agent:
        for _ in range(3):
            with Receiver(workshop, agent, expected=execs) as receiver:
                workshop.storm(execs, rate=200)
                result = receiver.result(seconds=5)
            if result["execs"] < execs:
                raise Failure(f"only {result['execs']} of {execs} events arrived")
            late.append(result["latency"])
    return _delays("kernel to client, at 200 execs a second", late, wanted=True)


def bpf(workshop: Workshop) -> list[Figure]:
    """Time in BPF programs, in a run of its own because the kernel's counting costs time too."""
    execs, rounds, nothing, measured = 3000, 3, [], []
    before = STATS.read_text()
    try:
        STATS.write_text("1")
        for _ in range(rounds):
            nothing.append(workshop.storm(execs)["p50"])
            with Agent(workshop) as agent:
                then = agent.bpf_ns
                workshop.storm(execs)
                measured.append(nanoseconds_a_round(then, agent.bpf_ns, execs))
    finally:
        STATS.write_text(before)
    value = Spread.of(measured).scaled(1e-3)
    share = 100 * value.middle / (Spread.of(nothing).middle * 1e-3)
    return [
        Figure("the agent's own cost of a fork+exec+exit", "BPF programs", "µs", value,
               Spread.of(nothing).scaled(1e-3), peer=aims.PEER_BPF,
               note=f"beside a whole fork+exec+exit without the agent: {share:.1f} % of it"),
    ]


def _delays(section: str, late: list[dict], wanted: bool) -> list[Figure]:
    return [
        Figure(section, name, "ms", Spread.of([quantiles[name] for quantiles in late]).scaled(1e-6),
               aim=aims.LATENCY_P99_MS if name == "p99" else None)
        for name in ("p50", "p99", "max")
    ]


def exported(agent: Agent, program: Path) -> int:
    """Events of a program in the JSON file."""
    binary = f'"binary":"{program}"'.encode()
    with agent.export_file.open("rb") as lines:
        return sum(binary in line for line in lines)


def nanoseconds_a_round(before: dict, after: dict, rounds: int) -> float:
    """By each program's mean, so that what others execute meanwhile does not count."""
    total = 0.0
    for program, (nanoseconds, runs) in after.items():
        nanoseconds_before, runs_before = before.get(program, (0, 0))
        runs -= runs_before
        if runs >= rounds:
            total += (nanoseconds - nanoseconds_before) / runs * (runs // rounds)
    if not total:
        raise Failure("the kernel counted no run of the agent's BPF programs")
    return total

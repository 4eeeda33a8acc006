# SPDX-License-Identifier: Apache-2.0
"""What the agent takes when nothing happens: memory beside few and many processes, time to get ready, CPU when idle."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

import aims
from agent import Agent, Receiver
from figures import Figure, Spread
from workshop import Failure, Workshop, end

_FEW, _MANY = 100, 10_000


def crowd(workshop: Workshop) -> list[Figure]:
    """Memory and readiness beside 100 and beside 10,000 live processes."""
    with _live_processes(workshop, _FEW):
        few = _starts(workshop)
    with Agent(workshop, export=True) as witness:
        with _live_processes(workshop, _MANY):
            time.sleep(1)
            seen_born = witness.resident_mb
            many = _starts(workshop)
    memory, readiness = "resident memory", f"ready, with {_MANY:,} live processes"
    return [
        Figure(memory, f"with {_FEW} live processes", "MB", few["resident"]),
        Figure(memory, f"with {_MANY:,} that were there before", "MB", many["resident"], few["resident"],
               aim=aims.RSS_CROWD_MB, note=f"baseline: with {_FEW}"),
        Figure(memory, f"with {_MANY:,} that it saw begin", "MB", Spread.exactly(seen_born), few["resident"],
               aim=aims.RSS_CROWD_MB, note="with JSON export"),
        Figure(readiness, "ready_ms of the log", "ms", many["ready"], few["ready"], aim=aims.READY_MS,
               note=f"baseline: with {_FEW}", peer=aims.PEER_READY),
        Figure(readiness, "from the start of the process", "ms", many["wall"], few["wall"], aim=aims.READY_MS),
    ]


def idle(workshop: Workshop) -> list[Figure]:
    """CPU of an agent with a subscriber and JSON export, when nobody does anything.

    Others on the machine do something all the time. So it is looked at in pieces: those in which nothing happened say
    what idleness costs, the rest what a single event costs that comes alone.
    """
    seconds, piece = 30, 0.1
    quiet, busy, events = [], [], 0
    with Agent(workshop, export=True) as agent, Receiver(workshop, agent):
        time.sleep(2)
        exported = agent.export_file.stat().st_size
        cpu, begin = agent.cpu_ns, time.monotonic()
        with agent.export_file.open("rb") as lines:
            lines.seek(exported)
            for _ in range(round(seconds / piece)):
                time.sleep(piece)
                count = lines.read().count(b"\n")
                cpu_after, now = agent.cpu_ns, time.monotonic()
                (busy if count else quiet).append((now - begin, cpu_after - cpu))
                events += count
                cpu, begin = cpu_after, now
    if not quiet:
        raise Failure(f"something happened on this machine in every {piece} s: the agent was never idle")

    section = f"idle for {seconds} s"
    figures = [
        Figure(section, "CPU of a core", "%", Spread.exactly(_percent(quiet)), aim=aims.IDLE_CPU_PERCENT,
               note=f"in the {len(quiet)} of {len(quiet) + len(busy)} tenths of a second in which nobody did anything"),
        Figure(section, "CPU of a core, with what others did", "%", Spread.exactly(_percent(quiet + busy)),
               note=f"{events} events"),
    ]
    if events:
        each = sum(cpu for _, cpu in busy) / events * 1e-3
        figures.append(Figure(section, "CPU of an event of theirs, mostly alone", "µs", Spread.exactly(each)))
    return figures


def _percent(pieces: list[tuple[float, int]]) -> float:
    return 100 * sum(cpu for _, cpu in pieces) / (sum(length for length, _ in pieces) * 1e9)


def _starts(workshop: Workshop) -> dict[str, Spread]:
    """Three starts."""
    ready, wall, resident = [], [], []
    for _ in range(3):
        with Agent(workshop) as agent:
            time.sleep(0.5)
            ready.append(float(agent.logged("ready_ms")))
            wall.append(agent.ready_wall_ms)
            resident.append(agent.resident_mb)
    return {"ready": Spread.of(ready), "wall": Spread.of(wall), "resident": Spread.of(resident)}


@contextlib.contextmanager
def _live_processes(workshop: Workshop, count: int):
    """At least that many on the machine."""
    missing = max(0, count - sum(name.isdigit() for name in os.listdir("/proc")))
    arguments = [workshop.program("crowd"), missing, workshop.program("sleeper")]
    process = workshop.start(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "ready\n":
            raise Failure(f"cannot have {count} processes: " + process.communicate(timeout=60)[1].strip())
        yield
    finally:
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            end(process, patience=0)

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
    """CPU of an agent with a subscriber and JSON export, when nobody does anything."""
    seconds = 30
    with Agent(workshop, export=True) as agent, Receiver(workshop, agent):
        time.sleep(2)
        records, cpu, begin = agent.ledger["received"], agent.cpu_ns, time.monotonic()
        time.sleep(seconds)
        percent = 100 * (agent.cpu_ns - cpu) / ((time.monotonic() - begin) * 1e9)
        # Asking for the ledger makes some too: the client's own fork, exec and exit.
        records = agent.ledger["received"] - records
    return [
        Figure(f"idle for {seconds} s", "CPU of a core", "%", Spread.exactly(percent), aim=aims.IDLE_CPU_PERCENT,
               note=f"meanwhile others on the machine made {records} records"),
    ]


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

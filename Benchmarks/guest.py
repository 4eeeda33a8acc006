# SPDX-License-Identifier: Apache-2.0
"""What a guest of bench_vm.py runs: measures, and says a line "@@ value NAME NUMBER" for each figure.

The guest has one CPU whose clock counts instructions, so a time is a number of instructions, whatever else the host
does. Whoever runs takes the CPU away from everybody else: the storm's own time holds the agent's work too.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from agent import Agent, Receiver
from hits import POLICIES, nanoseconds_a_hit
from storms import STATS, exported, nanoseconds_a_round
from workshop import Workshop

#: `-icount shift=1`: nanoseconds that an instruction takes.
NANOSECONDS = 2
#: A static program with a libc, as the figures of Tetragon were measured with.
PROGRAM = "cnoop"
STORM, LONG_STORM = 2000, 20_000


def main():
    with Workshop(Path("/apus/dist"), Path("/apus/bench")) as workshop:
        # The clock can be off in a guest's first seconds, hence the baseline again at the end.
        _storm(workshop)
        nothing = [_storm(workshop)]
        with Agent(workshop, export=True) as agent:
            tell("ready", agent.cpu_ns / NANOSECONDS / 1e6)
            tell("ready-ms", agent.ready_wall_ms)
            time.sleep(1)
            tell("rss-idle", agent.resident_mb)
            cpu = agent.cpu_ns
            watched = _storm(workshop)
            time.sleep(0.5)
            tell("agent", (agent.cpu_ns - cpu) / STORM / NANOSECONDS)

            with Receiver(workshop, agent) as receiver:
                others = receiver.cpu_ns
                subscribed = _storm(workshop) - (receiver.cpu_ns - others) / STORM / NANOSECONDS

            before, lines = agent.ledger, exported(agent, workshop.program(PROGRAM))
            _storm(workshop, LONG_STORM)
            time.sleep(1)
            tell("rss-storm", agent.resident_mb)
            after = agent.ledger
            tell("lost", 2 * LONG_STORM - (exported(agent, workshop.program(PROGRAM)) - lines))
            tell("lost-told", sum(after[key] - before[key] for key in ("lost", "undelivered")))
        nothing.append(_storm(workshop))
        baseline = statistics.mean(nothing)
        tell("baseline", baseline)
        tell("baseline-drift", 100 * abs(nothing[1] / nothing[0] - 1))
        tell("ratio", watched / baseline)
        tell("ratio-subscriber", subscribed / baseline)

        # In a run of its own, because the kernel's counting costs time too.
        STATS.write_text("1")
        with Agent(workshop) as agent:
            then = agent.bpf_ns
            _storm(workshop)
            tell("bpf", nanoseconds_a_round(then, agent.bpf_ns, STORM) / NANOSECONDS)
            for name in POLICIES:
                tell(f"hit-{name}", nanoseconds_a_hit(workshop, agent, name) / NANOSECONDS)


def tell(name: str, value: float):
    print(f"@@ value {name} {value:.5g}", flush=True)


def _storm(workshop: Workshop, count: int = STORM) -> float:
    """Instructions that a fork+exec+exit takes."""
    return workshop.storm(count, program=PROGRAM, seconds=100_000)["wall"] / count / NANOSECONDS


if __name__ == "__main__":
    sys.exit(main())

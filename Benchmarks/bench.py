# SPDX-License-Identifier: Apache-2.0
"""Measures Apus, prints a table and keeps it as JSON. docs/benchmarks.md says what the figures mean."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import footprint
import hooks
import storms
import throughput
from figures import markdown, table
from workshop import Failure, Workshop

_ROOT = Path(__file__).resolve().parent.parent
_MEASUREMENTS = {
    "storm": storms.exec_storm,
    "bpf": storms.bpf,
    "long-storm": storms.long_storm,
    "calm": storms.calm,
    "hook": hooks.hook,
    "runc": hooks.runc,
    "crowd": footprint.crowd,
    "idle": footprint.idle,
    "throughput": throughput.throughput,
}
# Never in the real-time class: the kernel takes the CPUs away from it for 50 ms of each second that it fills, and does
# not let it into a container's v1 CPU cgroup.
_ORDINARY = {"long-storm", "runc"}


def main() -> int:
    options = _options()
    if os.geteuid() != 0:
        print("make bench: loading BPF programs and starting containers needs root", file=sys.stderr)
        return 1
    # An exception, so that everything is put away on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))

    machine = _machine(options)
    print(f"Apus {machine['revision']} on {machine['cpu']} ({machine['cpus']} CPUs), Linux {machine['kernel']}, "
          f"load {machine['load']}")
    if machine["load"] > 0.5:
        print("The machine is not idle: times are longer and spread wider than they would be" +
              (", though most of this runs in the real-time class." if options.realtime else "; see --realtime."))
    figures, failures, begin = [], {}, time.monotonic()
    try:
        with Workshop(options.binaries, options.programs) as workshop:
            for name in options.only or _MEASUREMENTS:
                print(f"measuring: {name} ...", file=sys.stderr, flush=True)
                try:
                    _schedule(options.realtime and name not in _ORDINARY)
                    figures += _MEASUREMENTS[name](workshop)
                except (Failure, OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
                    failures[name] = f"{type(error).__name__}: {error}"
    except Failure as error:
        print(f"make bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130

    # What belongs together may come from measurements that do not follow each other.
    sections = list(dict.fromkeys(figure.section for figure in figures))
    figures.sort(key=lambda figure: sections.index(figure.section))
    print((markdown if options.markdown else table)(figures))
    for name, reason in failures.items():
        print(f"\nnot measured: {name}: {reason}")
    machine["seconds"] = round(time.monotonic() - begin)
    machine["load_after"] = os.getloadavg()[0]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine, "figures": [figure.as_json() for figure in figures], "failures": failures}
    options.output.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{machine['seconds']} s; kept in {options.output}")
    return 1 if failures else 0


def _schedule(realtime: bool):
    """Agent, clients and whoever is measured inherit it."""
    policy, priority = (os.SCHED_RR, 10) if realtime else (os.SCHED_OTHER, 0)
    os.sched_setscheduler(0, policy, os.sched_param(priority))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/bench.sh", description=__doc__)
    dist = _ROOT / "dist"
    parser.add_argument("--binaries", type=Path, default=dist, help="where apus-agent, apus-oci-hook and apus are")
    parser.add_argument("--programs", type=Path, default=dist / "bench", help="where the benchmarks' own programs are")
    parser.add_argument("--output", type=Path, default=dist / "bench.json", help="where the figures are kept")
    parser.add_argument("--realtime", action="store_true", help="let what is measured run before anything else")
    parser.add_argument("--markdown", action="store_true", help="print the table as docs/benchmarks.md has it")
    parser.add_argument("--only", action="append", choices=_MEASUREMENTS, help="measure this; may be repeated")
    options = parser.parse_args()
    for name in ("binaries", "programs"):
        setattr(options, name, getattr(options, name).resolve())
    return options


def _machine(options: argparse.Namespace) -> dict:
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name")), platform.machine())
    revision = subprocess.run(
        ["git", "-C", _ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "revision": revision or "of no known revision",
        "binaries": str(options.binaries), "realtime": options.realtime, "load": round(os.getloadavg()[0], 2),
        "cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
    }


if __name__ == "__main__":
    sys.exit(main())

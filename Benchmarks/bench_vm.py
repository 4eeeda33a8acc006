# SPDX-License-Identifier: Apache-2.0
"""Measures Apus in guests that count instructions, and holds the figures against those that are kept.

docs/benchmarks.md says what the figures mean. A figure that is a tenth worse than the kept one fails, until somebody
runs this with --update and commits the table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aims
from figures import number

_ROOT = Path(__file__).resolve().parent.parent
_KEPT = _ROOT / "Benchmarks" / "vm-figures.tsv"
_KERNELS = ["6.1", "6.12"]
#: Measured figures differ by less from run to run; whatever is a tenth worse has a reason.
_TOLERANCE = 1.1


@dataclass
class Kind:
    """A figure, of which less is better."""

    text: str
    unit: str = ""
    aim: float | None = None
    peer: str = ""
    #: False for what says how good the measurement was.
    is_kept: bool = True


_KINDS = {
    "baseline": Kind("fork+exec+exit without the agent", "instructions"),
    "baseline-drift": Kind("the same before and after, differing by", "%", 2.0, is_kept=False),
    "ratio": Kind("the same with the agent writing JSON", "×", aims.VM_STORM_RATIO, "×1.47 to ×1.50"),
    "ratio-subscriber": Kind(
        "the same with a subscriber as well, whose own work is not counted", "×", aims.VM_STORM_RATIO),
    "agent": Kind("the agent's threads, of that", "instructions", aims.VM_AGENT_INSTRUCTIONS, "500,000"),
    "bpf": Kind("BPF programs, of that", "instructions", aims.VM_BPF_INSTRUCTIONS, "22,000"),
    "hit-filtered": Kind(
        "a policy's program, for a call that another binary would have to make", "instructions",
        aims.VM_HIT_FILTERED_INSTRUCTIONS, "6,150"),
    "hit-posted": Kind(
        "for a call that is told, with two strings and an int", "instructions", aims.VM_HIT_POSTED_INSTRUCTIONS,
        "7,500"),
    "hit-path": Kind(
        "at an LSM hook, for a file of another path", "instructions", aims.VM_HIT_PATH_INSTRUCTIONS, "9,600"),
    "ready": Kind(
        "the agent's threads until it is ready", "million instructions", aims.VM_READY_MEGA_INSTRUCTIONS, "5,600"),
    "ready-ms": Kind("the same as time, 2 ns an instruction, waiting included", "ms", peer="11,300", is_kept=False),
    "rss-idle": Kind("resident, idle", "MB", peer="83"),
    "rss-storm": Kind("resident after 24,000 execs", "MB", aims.RSS_AFTER_STORM_MB, "279"),
    "lost": Kind("events of 20,000 execs missing in the JSON file", "", 0, "530"),
    "lost-told": Kind("lost by the agent's own ledger", "", 0, "0"),
}


def main() -> int:
    options = _options()
    image = options.logs / "initramfs"
    _make_image(image)
    with ThreadPoolExecutor(2) as pool:
        measured = dict(zip(options.kernel, pool.map(lambda kernel: _measure(kernel, image, options), options.kernel)))
    kept = _read_kept()
    problems = _print(measured, kept)
    if options.update:
        for kernel, figures in measured.items():
            kept[kernel] = {name: value for name, value in figures.items() if _KINDS[name].is_kept}
        _write_kept(kept)
        print(f"\nkept in {_KEPT.relative_to(_ROOT)}")
        problems = [problem for problem in problems if "was not measured" in problem]
    for problem in problems:
        print(f"bench-vm: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/bench-vm.sh", description=__doc__)
    parser.add_argument("--kernel", action="append", choices=_KERNELS, help="measure on this one; may be repeated")
    parser.add_argument("--update", action="store_true", help="keep the figures of this run")
    parser.add_argument("--limit", type=int, default=3600, help="seconds that a guest may take")
    parser.add_argument("--logs", type=Path, default=_ROOT / "dist" / "bench-vm", help="where the guests' words go")
    options = parser.parse_args()
    options.kernel = options.kernel or _KERNELS
    return options


def _vm(script: str) -> Path:
    return _ROOT / "Tests" / "VM" / script


def _make_image(image: Path):
    dist = _ROOT / "dist"
    subprocess.run(
        [_vm("make-image.sh"), image, f"{dist / 'bench'}=/apus/bench", f"{_ROOT / 'Benchmarks'}=/apus/benchmarks",
         "/usr/bin/python3.11=/usr/bin/python3", "/usr/lib/python3.11=/usr/lib/python3.11"],
        check=True, env={"APUS_DIST": str(dist), **os.environ})


def _measure(kernel: str, image: Path, options: argparse.Namespace) -> dict[str, float]:
    """The figures that a guest tells."""
    path = subprocess.run([_vm("fetch-kernel.sh"), kernel], check=True, capture_output=True, text=True).stdout.strip()
    environment = {**os.environ, "QEMU_FLAGS": "-icount shift=1,sleep=off"}
    print(f"measuring on {kernel} ...", file=sys.stderr, flush=True)
    output = subprocess.run(
        [_vm("boot.sh"), path, image, options.logs / kernel, str(options.limit), "v2",
         "python3 -B /apus/benchmarks/guest.py"],
        env=environment, stdout=subprocess.PIPE, text=True).stdout
    words = [line.split() for line in output.splitlines()]
    figures = {word[2]: float(word[3]) for word in words if word[:2] == ["@@", "value"]}
    if set(figures) != set(_KINDS):
        print(f"bench-vm: the guest with {kernel} said:\n{output}", file=sys.stderr)
    return figures


def _print(measured: dict[str, dict[str, float]], kept: dict[str, dict[str, float]]) -> list[str]:
    """Prints the table; returns what is wrong."""
    problems = []
    rows = [["", *(f"{kernel}{column}" for kernel in measured for column in ("", " kept")), "aim", "Tetragon"]]
    for name, kind in _KINDS.items():
        row = [f"{kind.text} ({kind.unit})" if kind.unit else kind.text]
        for kernel, figures in measured.items():
            value, known = figures.get(name), kept.get(kernel, {}).get(name)
            row += ["" if value is None else number(value), "" if known is None else number(known)]
            where = f"{kind.text}, on {kernel}"
            if value is None:
                problems.append(f"{where}: was not measured")
            elif kind.is_kept and known is None:
                problems.append(f"{where}: no figure is kept; --update keeps this run's")
            elif kind.is_kept and value > known * _TOLERANCE:
                problems.append(
                    f"{where}: {number(value)}, and {number(known)} is kept; if that is meant, --update keeps it")
        missed = kind.aim is not None and any(figures.get(name, 0) > kind.aim for figures in measured.values())
        row += ["" if kind.aim is None else number(kind.aim) + (", MISSED" if missed else ", met"), kind.peer]
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    return problems


def _read_kept() -> dict[str, dict[str, float]]:
    kept: dict[str, dict[str, float]] = {}
    for line in _KEPT.read_text().splitlines() if _KEPT.exists() else []:
        if line and not line.startswith("#"):
            kernel, name, value = line.split("\t")
            kept.setdefault(kernel, {})[name] = float(value)
    return kept


def _write_kept(kept: dict[str, dict[str, float]]):
    lines = ["# SPDX-License-Identifier: Apache-2.0",
             "# Figures that `make bench-vm` holds its own against: kernel, figure (Benchmarks/bench_vm.py), value."]
    for kernel in sorted(kept, key=lambda version: [int(part) for part in version.split(".")]):
        lines += [f"{kernel}\t{name}\t{kept[kernel][name]:.5g}" for name in _KINDS if name in kept[kernel]]
    _KEPT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())

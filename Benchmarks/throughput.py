# SPDX-License-Identifier: Apache-2.0
"""From the ring's bytes to readers: how many events a second, and what each costs the agent."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path

import aims
from figures import Figure, Spread
from workshop import Failure, Workshop

#: Makes an exec event of 1.4 KB and an exit event of 0.7: 1 KB on average.
_ARGUMENT_BYTES = 400
_EVENTS = 200_000
_ROUNDS = 5
#: Events a second, where the export is measured at a rate.
_JSON_RATE = 50_000


def throughput(workshop: Workshop) -> list[Figure]:
    """Recorded records as fast as all readers take them: nobody, the JSON file, one receiver, ten of them."""
    if not os.access(workshop.program("apus-replay"), os.X_OK):
        raise Failure(f"{workshop.program('apus-replay')} is not there: make bench builds it")
    kinds = {"nobody": (0, False), "json": (0, True), "one": (1, False), "ten": (10, False)}
    results: dict[str, list[dict]] = {kind: [] for kind in kinds}
    for index in range(_ROUNDS):
        names = list(kinds)
        for kind in names[index % len(names):] + names[:index % len(names)]:
            receivers, export = kinds[kind]
            events = _EVENTS // 5 if receivers > 1 else _EVENTS
            results[kind].append(_replay(workshop, events, 0, receivers, export))
    paced = [_replay(workshop, 2 * _JSON_RATE, _JSON_RATE, 0, True) for _ in range(3)]

    def spread(kind: str, value) -> Spread:
        return Spread.of([value(result) for result in results[kind]])

    def delivered(result: dict) -> float:
        return result["cpu"] / result["delivered"] * 1e-3

    nobody = min(result["cpu"] / result["events"] for result in results["nobody"]) * 1e-3
    size = results["one"][0]["message_bytes"] / results["one"][0]["events"]
    line = results["json"][0]["json_bytes"] / results["json"][0]["events"]
    pace, price = "events a second, from the ring's bytes", "the agent's CPU for an event"
    figures = [
        Figure(pace, f"{label}, delivered", "/s", spread(kind, lambda r: r["delivered"] / r["wall"] * 1e9), note=note)
        for kind, label, note in (
            ("one", "one subscriber that does not decode", f"{size:.0f} bytes each; with the receiver on the same CPUs"),
            ("ten", "ten of them", "together"), ("json", "JSON file", f"{line:.0f} bytes a line"))
    ]
    figures += [
        Figure(price, "process table alone", "µs", spread("nobody", lambda r: r["cpu"] / r["events"] * 1e-3)),
        Figure(price, "delivered to one subscriber, all included", "µs", spread("one", delivered), aim=aims.DELIVERY_US),
        Figure(price, "delivered to ten, all included", "µs", spread("ten", delivered), aim=aims.DELIVERY_US),
        Figure(price, "a line of JSON beyond the table", "µs",
               spread("json", lambda r: r["cpu"] / r["events"] * 1e-3 - nobody), aim=aims.JSON_LINE_US),
        Figure(price, f"JSON at {_JSON_RATE:,} events a second", "% of a core",
               Spread.of([result["cpu"] / result["wall"] * 100 for result in paced]),
               note=f"lost: {sum(result['lost'] for result in paced)}"),
    ]
    lost = sum(result["lost"] for kind in results.values() for result in kind)
    figures.append(Figure(pace, "lost, of all of these", "", Spread.exactly(lost), aim=aims.LOST_EVENTS))
    return figures


def _replay(workshop: Workshop, events: int, rate: int, receivers: int, export: bool) -> dict:
    _replay.count += 1
    socket = workshop.directory / f"replay-{_replay.count}.sock"
    file: Path = workshop.directory / "replay.json"
    arguments = [workshop.program("apus-replay"), events, rate, _ARGUMENT_BYTES, socket, receivers]
    process = workshop.start(
        arguments + ([file] if export else []), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: file.unlink(missing_ok=True))
        for _ in range(200):
            if socket.exists() or process.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        for _ in range(receivers):
            receiver = workshop.start([workshop.program("receive"), socket], stdout=subprocess.DEVNULL)
            stack.callback(receiver.wait)
            stack.callback(receiver.kill)
        try:
            output, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure("the replay takes too long") from None
    if process.returncode != 0:
        raise Failure(f"the replay failed: {errors.strip()}")
    return json.loads(output)


_replay.count = 0

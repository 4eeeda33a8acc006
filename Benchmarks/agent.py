# SPDX-License-Identifier: Apache-2.0
"""An agent with sockets and files of its own, the clients it is measured with, and what the kernel says of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from workshop import Failure, Workshop, end


def cpu_ns(pid: int) -> int:
    """CPU time of a process's threads. The process's own figure counts ticks; the scheduler's counts nanoseconds."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((thread / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


class Agent:
    """An agent for the length of a `with`: it is ready at its beginning and gone at its end."""

    _count = 0

    def __init__(self, workshop: Workshop, export: bool = False):
        Agent._count += 1
        self._workshop = workshop
        self.directory = workshop.directory / f"agent-{Agent._count}"
        (self.directory / "configuration").mkdir(parents=True)
        self.socket = self.directory / "apus.sock"
        self.hook_socket = self.directory / "hook.sock"
        self.export_file = self.directory / "events.json"
        self._arguments = [
            workshop.agent, "--server-address", f"unix://{self.socket}", "--hook-address", f"unix://{self.hook_socket}",
            "--state-dir", self.directory / "state", "--config-dir", self.directory / "configuration",
            "--bpf-dir", f"{workshop.tag}-{Agent._count}",
        ] + (["--export-filename", self.export_file, "--export-file-max-size-mb", "10000"] if export else [])
        self.log: list[str] = []
        self._ready = threading.Event()
        #: From the start of the process to the line that says ready.
        self.ready_wall_ms = 0.0

    def __enter__(self) -> Agent:
        started = time.monotonic()
        self._process = self._workshop.start(self._arguments, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, args=[started], daemon=True)
        self._reader.start()
        if not self._ready.wait(30) or not self.ready_wall_ms:
            end(self._process)
            raise Failure("the agent did not get ready: " + "".join(self.log)[-500:])
        return self

    def __exit__(self, *_):
        end(self._process)
        self._reader.join(5)
        # Tens of thousands of events as JSON are not needed any more.
        shutil.rmtree(self.directory, ignore_errors=True)

    def _read(self, started: float):
        for line in self._process.stderr:
            if "msg=ready" in line:
                self.ready_wall_ms = (time.monotonic() - started) * 1000
                self._ready.set()
            self.log.append(line)
        self._ready.set()

    @property
    def pid(self) -> int:
        return self._process.pid

    def logged(self, field: str) -> str:
        """The last value of a field in the log."""
        values = re.findall(rf'\b{field}=("[^"]*"|\S+)', "".join(self.log))
        if not values:
            raise Failure(f"the agent's log does not say {field}")
        return values[-1].strip('"')

    @property
    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6

    @property
    def cpu_ns(self) -> int:
        return cpu_ns(self.pid)

    @property
    def bpf_ns(self) -> dict[str, tuple[int, int]]:
        """By program: nanoseconds that it ran, and how often. Counted while kernel.bpf_stats_enabled is 1."""
        programs = {}
        for descriptor in os.listdir(f"/proc/{self.pid}/fdinfo"):
            try:
                text = Path(f"/proc/{self.pid}/fdinfo/{descriptor}").read_text()
            except FileNotFoundError:
                continue
            fields = dict(re.findall(r"^(prog_id|run_time_ns|run_cnt):\s+(\d+)", text, re.MULTILINE))
            if "run_cnt" in fields:
                programs[fields["prog_id"]] = int(fields["run_time_ns"]), int(fields["run_cnt"])
        return programs

    @property
    def ledger(self) -> dict[str, int]:
        """What GetHealth says that was received and lost."""
        status = self._workshop.run(
            [self._workshop.client, "status", "-o", "json", "--server-address", f"unix://{self.socket}"], seconds=20)
        details = json.loads(status.splitlines()[0])["health_status"][0]["details"]
        found = re.search(r"(\d+) records received, (\d+) lost, (\d+) events lost by slow clients", details)
        if not found:
            raise Failure(f"the agent's health does not say what was lost: {details}")
        return dict(zip(("received", "lost", "undelivered"), map(int, found.groups())))


class Receiver:
    """The subscriber that does not decode. With `expected` it looks for that many execs and exits of the no-op."""

    def __init__(self, workshop: Workshop, agent: Agent, expected: int = 0):
        arguments = [workshop.program("receive"), agent.socket]
        if expected:
            arguments += [workshop.program("noop"), expected]
        self._process = workshop.start(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> Receiver:
        if self._process.stdout.readline() != "subscribed\n":
            raise Failure("the receiver has no subscription: " + self._process.communicate(timeout=5)[1])
        return self

    def __exit__(self, *_):
        end(self._process, patience=2)

    @property
    def cpu_ns(self) -> int:
        return cpu_ns(self._process.pid)

    def result(self, seconds: float = 0) -> dict:
        """What it has received: when that is what it expected, or after a while."""
        try:
            self._process.wait(seconds or 0.001)
        except subprocess.TimeoutExpired:
            self._process.terminate()
        output, errors = self._process.communicate(timeout=10)
        if self._process.returncode != 0:
            raise Failure("the receiver failed: " + errors.strip())
        return json.loads(output)

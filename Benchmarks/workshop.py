# SPDX-License-Identifier: Apache-2.0
"""What measurements are made with: programs, a directory, cgroups. It all goes away with the workshop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path


class Failure(Exception):
    """A measurement that could not be made."""


class Workshop:
    def __init__(self, binaries: Path, programs: Path):
        self.agent = binaries / "apus-agent"
        self.hook = binaries / "apus-oci-hook"
        self.client = binaries / "apus"
        self._programs = programs
        for program in (self.agent, self.hook, self.client, self.program("storm")):
            if not os.access(program, os.X_OK):
                raise Failure(f"{program} is not there: make build")
        # Short, because sockets lie in it.
        self.directory = Path(tempfile.mkdtemp(prefix="apus-bench.", dir="/tmp"))
        self._started: list[subprocess.Popen] = []
        self._cgroups: list[Path] = []

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_):
        # Whoever is impatient now would leave things behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self._started):
            end(process, patience=0)
        for cgroup in reversed(self._cgroups):
            eventually(lambda: _remove_cgroup(cgroup), seconds=5)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def tag(self) -> str:
        """A word that nobody else uses."""
        return self.directory.name.replace(".", "-")

    def program(self, name: str) -> Path:
        return self._programs / name

    def start(self, arguments: list, **options) -> subprocess.Popen:
        """Starts a program that dies with us, however we end."""
        arguments = ["setpriv", "--pdeathsig", "KILL", *map(str, arguments)]
        process = subprocess.Popen(arguments, **{"stdin": subprocess.DEVNULL, **options})
        self._started = [other for other in self._started if other.poll() is None] + [process]
        return process

    def run(self, arguments: list, seconds: float = 120, **options) -> str:
        """A program's output; a failure if it fails or takes too long."""
        process = self.start(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            end(process, patience=0)
            raise Failure(f"{arguments[0]} took longer than {seconds} s") from None
        if process.returncode != 0:
            raise Failure(f"{arguments[0]} ended with {process.returncode}: {errors.strip()[-500:]}")
        return output

    def storm(
        self, count: int, workers: int = 1, rate: float = 0, program: str = "noop", seconds: float = 120
    ) -> dict:
        """fork+exec+exit of a no-op, `count` times."""
        return json.loads(self.run([self.program("storm"), count, workers, rate, self.program(program)], seconds))

    def alternate(self, runs: int, stdin: Path, first: list, second: list, prologue: str = "") -> tuple[dict, dict]:
        """Runs two programs in turn. The prologue, in shell, runs in the process that becomes their parent."""
        arguments = [self.program("alternate"), runs, stdin, *first, "--", *second]
        shell = ["sh", "-c", prologue + '\nexec "$@"', "sh", *arguments]
        lines = self.run(shell).splitlines()
        results = json.loads(lines[-2]), json.loads(lines[-1])
        for program, result in zip((first, second), results):
            if result["failures"]:
                raise Failure(f"{program[0]} failed in {result['failures']} of {runs} runs")
        return results

    def cgroup(self, root: str) -> Path:
        """A new cgroup."""
        path = Path(root) / f"{self.tag}-{len(self._cgroups)}"
        path.mkdir()
        self._cgroups.append(path)
        return path


def end(process: subprocess.Popen, patience: float = 10):
    """Asks a process to leave, and insists after a while."""
    if process.poll() is None and patience > 0:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
    if process.poll() is None:
        process.kill()
        process.wait()


def eventually(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _remove_cgroup(path: Path) -> bool:
    """Takes away what still lives in it first."""
    try:
        for pid in (path / "cgroup.procs").read_text().split():
            os.kill(int(pid), 9)
        path.rmdir()
        return True
    except FileNotFoundError:
        return True
    except OSError:
        return False

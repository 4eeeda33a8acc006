# SPDX-License-Identifier: Apache-2.0
"""What the OCI hook costs: by itself, and in a container's start."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import aims
from agent import Agent
from figures import Figure, Spread
from workshop import Failure, Workshop, eventually

_POD = {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": "bench",
    "io.kubernetes.cri.image-name": "docker.io/library/bench:latest",
    "io.kubernetes.cri.sandbox-name": "bench-0",
    "io.kubernetes.cri.sandbox-namespace": "bench",
    "io.kubernetes.cri.sandbox-uid": "5d2f8a90-31c4-4f7e-9b1a-6c0de4a1b2f3",
}


def hook(workshop: Workshop) -> list[Figure]:
    """The hook's process beside a static C program that does nothing, with an agent that answers."""
    runs = 600
    sleeper = workshop.program("sleeper")
    with Agent(workshop) as agent:
        cgroup = workshop.cgroup(agent.logged("cgroups"))
        # The agent holds what the bundle says of its cgroup against the kernel's word.
        bundle = _bundle(workshop, "hooked", f"/{Path(cgroup).name}", hooks=None)
        state = bundle / "state.json"
        # What a runtime would be: the parent of the container's init and of the hook.
        facts = {"ociVersion": "1.0.2", "id": workshop.tag, "status": "creating", "bundle": str(bundle)}
        start = "\n".join([
            f"'{sleeper}' </dev/null >/dev/null 2>&1 &",
            f"echo $! > '{cgroup}/cgroup.procs'",
            f"""printf '%s,"pid":%d}}' '{json.dumps(facts)[:-1]}' $! > '{state}'""",
        ])
        noop, ours = workshop.alternate(
            runs, state, [workshop.program("cnoop")], [workshop.hook, *_arguments(workshop, agent)], prologue=start)
        _expect_registrations(agent, runs, workshop)

    section = "OCI hook, with an agent that answers"
    size = workshop.hook.stat().st_size / 1e6
    return [
        Figure(section, "wall time", "ms", Spread.quartiles(ours["wall"]).scaled(1e-6),
               Spread.quartiles(noop["wall"]).scaled(1e-6), "+", aim=aims.HOOK_ABOVE_NOOP_MS, peer=aims.PEER_HOOK),
        Figure(section, "CPU", "ms", Spread.quartiles(ours["cpu"]).scaled(1e-6),
               Spread.quartiles(noop["cpu"]).scaled(1e-6), "+", peer=aims.PEER_HOOK_CPU),
        Figure(section, "resident", "MB", Spread.exactly(ours["resident_kb"] * 1024 / 1e6),
               aim=aims.HOOK_RESIDENT_MB, peer=aims.PEER_HOOK_RESIDENT),
        Figure(section, "file", "MB", Spread.exactly(size), aim=aims.HOOK_FILE_MB, peer=aims.PEER_HOOK_FILE),
    ]


def runc(workshop: Workshop) -> list[Figure]:
    """A container that ends at once, made by runc without and with the hook."""
    runs = 60
    if not shutil.which("runc"):
        raise Failure("runc is not there: make setup")
    with Agent(workshop) as agent:
        without = _bundle(workshop, "without", f"/{workshop.tag}/without", hooks=None)
        entry = {"path": str(workshop.hook), "args": ["apus-oci-hook", *_arguments(workshop, agent)]}
        hooked = _bundle(workshop, "with", f"/{workshop.tag}/with", hooks={"createRuntime": [entry]})
        runtime = [shutil.which("runc"), "--root", workshop.directory / "runc", "run", "--bundle"]
        null = Path("/dev/null")
        try:
            plain, ours = workshop.alternate(
                runs, null, [*runtime, without, f"{workshop.tag}-without"], [*runtime, hooked, f"{workshop.tag}-with"])
        finally:
            _remove_parent_cgroups(workshop.tag)
        _expect_registrations(agent, runs, workshop)
    return [
        Figure("runc run of a no-op container", name, "ms", Spread.quartiles(ours[key]).scaled(1e-6),
               Spread.quartiles(plain[key]).scaled(1e-6), "+")
        for name, key in (("wall time with the hook", "wall"), ("CPU with the hook", "cpu"))
    ]


def _arguments(workshop: Workshop, agent: Agent) -> list[str]:
    log = workshop.directory / "hook.log"
    return ["createRuntime", "--agent-address", f"unix://{agent.hook_socket}", "--log-file", str(log)]


def _expect_registrations(agent: Agent, count: int, workshop: Workshop):
    """The hook ends with 0 whatever happens: only the agent knows whether it was answered."""
    def registered() -> int:
        return sum("container registered" in line for line in agent.log)

    # The log comes through a pipe, a moment later.
    if not eventually(lambda: registered() >= count, seconds=2):
        log = workshop.directory / "hook.log"
        said = log.read_text()[-500:] if log.exists() else "".join(agent.log)[-500:]
        raise Failure(f"{registered()} of {count} containers were registered: {said}")


def _bundle(workshop: Workshop, name: str, cgroup: str, hooks: dict | None) -> Path:
    bundle = workshop.directory / f"bundle-{name}"
    (bundle / "rootfs" / "proc").mkdir(parents=True)
    shutil.copy(workshop.program("noop"), bundle / "rootfs" / "noop")
    config = {
        "ociVersion": "1.0.2",
        "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/"], "args": ["/noop"]},
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "annotations": _POD,
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")],
        },
    }
    if hooks:
        config["hooks"] = hooks
    (bundle / "config.json").write_text(json.dumps(config))
    return bundle


def _remove_parent_cgroups(name: str):
    """runc removes a container's cgroup, not the directory above it."""
    for path in [Path("/sys/fs/cgroup") / name, *Path("/sys/fs/cgroup").glob(f"*/{name}")]:
        for directory in [*path.glob("*"), path]:
            try:
                directory.rmdir()
            except OSError:
                continue

# SPDX-License-Identifier: Apache-2.0
"""What a policy's program does for a call that it sees, in nanoseconds by the kernel's own count of BPF programs."""

from __future__ import annotations

from agent import Agent
from workshop import Failure, Workshop

#: Calls whose programs are asked about; those before them fill caches.
HITS, BEFORE = 2000, 100

#: By name: what is done, and what the policy says of it.
POLICIES = {
    # Nobody's: every call is let pass.
    "filtered": ("open", """
  kprobes:
  - call: sys_openat
    args: [{index: 1, type: string}]
    selectors:
    - matchBinaries: [{operator: In, values: [/usr/bin/nobody-runs-this]}]
"""),
    # Two strings and an int are told.
    "posted": ("rename", """
  kprobes:
  - call: sys_renameat2
    args: [{index: 1, type: string}, {index: 3, type: string}, {index: 4, type: int}]
    selectors:
    - matchArgs: [{index: 4, operator: Equal, values: ["1"]}]
"""),
    # A file's path is compared, and is another one.
    "path": ("open", """
  lsmhooks:
  - hook: file_open
    args: [{index: 0, type: file}]
    selectors:
    - matchArgs: [{index: 0, operator: Equal, values: [/etc/shadow]}]
      matchActions: [{action: Override, argError: -1}]
"""),
}


def nanoseconds_a_hit(workshop: Workshop, agent: Agent, name: str) -> float:
    """Of the policy's own programs. The kernel's reading of the clock, before and after, is part of it."""
    deed, spec = POLICIES[name]
    flags = ["--server-address", f"unix://{agent.socket}"]
    file = agent.directory / f"{name}.yaml"
    file.write_text(f"apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: {name}}}\nspec:{spec}")
    others = set(agent.bpf_ns)
    workshop.run([workshop.client, "policy", "add", file, *flags], seconds=600)
    try:
        workshop.run([workshop.program("hits"), deed, BEFORE], seconds=600)
        then = agent.bpf_ns
        workshop.run([workshop.program("hits"), deed, HITS], seconds=600)
        spent = calls = 0
        for program, (time, count) in agent.bpf_ns.items():
            if program not in others:
                spent += time - then[program][0]
                calls += count - then[program][1]
    finally:
        workshop.run([workshop.client, "policy", "delete", name, *flags], seconds=600)
    # Others open files, too, but not as many.
    if not HITS <= calls < 2 * HITS:
        raise Failure(f"the policy {name} saw {calls} calls, and {HITS} were made")
    return spent / calls

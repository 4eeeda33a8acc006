# SPDX-License-Identifier: Apache-2.0
"""What Apus wants to be, and what the agent that people know measures at."""

# At most, in the unit that the name ends in.
STORM_RATIO = 1.03
LOST_EVENTS = 0
LATENCY_P99_MS = 10
HOOK_ABOVE_NOOP_MS = 1.0
HOOK_FILE_MB = 2
HOOK_RESIDENT_MB = 1.5
RSS_AFTER_STORM_MB = 40
RSS_CROWD_MB = 60
READY_MS = 1000
IDLE_CPU_PERCENT = 0.3
# Of the agent's CPU: a delivered event of 1 KB, its making included, and a line of JSON beyond the making.
DELIVERY_US = 2.5
JSON_LINE_US = 0.5

# The same in a guest that counts instructions, where the agent has no CPU of its own.
VM_STORM_RATIO = 1.04
VM_AGENT_INSTRUCTIONS = 25_000
VM_BPF_INSTRUCTIONS = 4_000
VM_READY_MEGA_INSTRUCTIONS = 600
VM_HIT_FILTERED_INSTRUCTIONS = 250
VM_HIT_POSTED_INSTRUCTIONS = 1_500
VM_HIT_PATH_INSTRUCTIONS = 1_300

# Tetragon 1.8.0-pre (4fbfe2d74) on two cores, Debian 12. Its agent does not start natively on the machine that these
# come from (it wants kprobes), so the agent's are from an emulated one that counts instructions (2 ns each): such times
# say something about each other, ratios also about ours.
_EMULATED = "Tetragon (TCG, icount)"
PEER_STORM = f"{_EMULATED}: ×1.47 to ×1.50, one CPU, JSON export, no subscriber"
PEER_LOST = f"{_EMULATED}: 530 of 40,055 JSON events lost in user space; with two emulated CPUs none"
PEER_CPU = f"{_EMULATED}: 980 to 1,020 µs, JSON export, no subscriber"
PEER_BPF = f"{_EMULATED}: 43.7 µs"
PEER_RSS_STORM = f"{_EMULATED}: 279 MB (83 MB before); with two emulated CPUs 172 MB (123 MB before)"
PEER_READY = f"{_EMULATED}: 11.3 s, without a crowd"
PEER_HOOK = "Tetragon (native): 12.7 to 14.8 ms, beside a no-op of 0.64 to 0.68 ms"
PEER_HOOK_CPU = "Tetragon (native): 14 ms"
PEER_HOOK_FILE = "Tetragon: 17.9 MB"
PEER_HOOK_RESIDENT = "Tetragon (native): 17.6 to 18.2 MB"

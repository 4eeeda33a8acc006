#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints what docs/tour.md shows: an agent, a container of a pod made by runc with the hook, an exec into it, and what
# each of apus's commands says of them. Ends by itself; leaves nothing behind, however it ends.
#
# usage: dev/captures.sh [DIRECTORY]       DIRECTORY: with apus-agent, apus-oci-hook and apus; dist if not given
set -eu

[ "$(id -u)" = 0 ] || { echo "dev/captures.sh: loading BPF programs and starting containers needs root" >&2; exit 1; }
dist=$(realpath "${1:-dist}")
work=$(mktemp -d /tmp/apus-tour.XXXXXX)
id=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
agent='' readers=''

cleanup() {
    trap '' INT TERM
    set +e
    runc --root "$work/runc" delete --force "$id" >/dev/null 2>&1
    for process in $readers $agent; do kill "$process" 2>/dev/null; wait "$process" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What a reader would type, and what comes back: the agent of this script has sockets of its own.
apus() {
    printf '\n$ apus %s\n' "$*"
    "$dist/apus" "$@" --server-address "unix://$work/apus.sock" 2>&1
}

# With the paths that they have where Apus is installed.
show() { "$@" | sed -e "s|unix://$work/|unix:///var/run/apus/|g; s|$work/|/tmp/tour/|g; s|$dist/|/usr/local/bin/|g"; }

mkdir -p "$work/bundle/rootfs"/{bin,proc,dev}
cp /bin/busybox "$work/bundle/rootfs/bin/busybox"
for applet in sh cat id sleep true date; do ln -s busybox "$work/bundle/rootfs/bin/$applet"; done
cat >"$work/bundle/config.json" <<JSON
{
  "ociVersion": "1.0.2",
  "process": {
    "terminal": false, "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
    "args": ["/bin/sh", "-c", "while :; do /bin/date >/dev/null; /bin/sleep 1; done"],
    "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] }
  },
  "root": { "path": "rootfs" },
  "hostname": "front-7f9c",
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }
  ],
  "annotations": {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": "web",
    "io.kubernetes.cri.image-name": "docker.io/library/busybox:1.35",
    "io.kubernetes.cri.sandbox-name": "front-7f9c",
    "io.kubernetes.cri.sandbox-namespace": "shop",
    "io.kubernetes.cri.sandbox-uid": "0b3c1d2e-5f60-4a71-8b92-c3d4e5f60718"
  },
  "hooks": {
    "createContainer": [{
      "path": "$dist/apus-oci-hook",
      "args": ["apus-oci-hook", "createContainer", "--agent-address", "unix://$work/hook.sock",
               "--log-file", "$work/hook.log"]
    }]
  },
  "linux": {
    "cgroupsPath": "/$id",
    "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }, { "type": "network" }]
  }
}
JSON

"$dist/apus-agent" --server-address "unix://$work/apus.sock" --hook-address "unix://$work/hook.sock" \
    --state-dir "$work/state" --bpf-dir "${work##*/}" --node-name node-1 2>"$work/agent.log" &
agent=$!
for _ in $(seq 100); do
    grep -qs 'msg=ready' "$work/agent.log" && break
    kill -0 "$agent" 2>/dev/null || { cat "$work/agent.log" >&2; exit 1; }
    sleep 0.1
done

printf '\n$ apus-agent\n'
show cat "$work/agent.log"

# The same happening, read in three ways at once.
formats=(compact table json)
for format in "${formats[@]}"; do
    apus getevents -n shop -o "$format" >"$work/$format" &
    readers+=" $!"
done
for format in "${formats[@]}"; do
    until grep -q 'subscribed' "$work/$format"; do sleep 0.1; done
done
runc --root "$work/runc" run --detach --bundle "$work/bundle" "$id" </dev/null >/dev/null 2>&1
sleep 0.5
runc --root "$work/runc" exec "$id" /bin/sh -c '/bin/id >/dev/null; kill -9 $$' || true
sleep 0.5
for reader in $readers; do kill "$reader"; wait "$reader" 2>/dev/null || true; done
readers=''
show cat "$work/compact" "$work/table"
printf '\n'
grep -m 2 -e '^\$' -e '^{"process_exec":{"process":{[^{}]*"binary":"/bin/id"' "$work/json" | show cat

(sleep 1; runc --root "$work/runc" exec "$id" /bin/sh -c '/bin/id >/dev/null; :') &
show apus top -n 1 -d 2s
wait $!
show apus containers
printf "\n$ apus processes | grep 'COMMAND$\|shop[/]'\n"
"$dist/apus" processes --server-address "unix://$work/apus.sock" | show grep 'COMMAND$\|shop[/]'
show apus status

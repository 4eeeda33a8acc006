#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An agent, two containers made by runc with the hook, and everything that can happen to them, as compact events.
# Ends by itself; leaves nothing behind, however it ends.
set -eu

if [ "$(id -u)" != 0 ]; then
    echo "make demo: loading BPF programs and starting containers needs root" >&2
    exit 1
fi
dist=$PWD/dist
work=$(mktemp -d /tmp/apus-demo.XXXXXX)
tag=${work##*.}
web=apus-demo-web-$tag
job=apus-demo-job-$tag
agent='' client=''

cleanup() {
    trap '' INT TERM
    set +e
    for container in "$web" "$job"; do
        runc --root "$work/runc" delete --force "$container" >/dev/null 2>&1
    done
    [ -z "$client" ] || kill "$client" 2>/dev/null
    [ -z "$agent" ] || { kill "$agent" 2>/dev/null; wait "$agent" 2>/dev/null; }
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n\033[1m── %s\033[0m\n' "$*"; sleep 0.3; }
[ -t 1 ] || say() { printf '\n-- %s\n' "$*"; sleep 0.3; }

# bundle DIRECTORY STAGE POD CONTAINER COMMAND: what containerd's CRI plugin would write, as far as it matters here.
bundle() {
    local dir=$1 stage=$2 pod=$3 container=$4 command=$5
    mkdir -p "$dir/rootfs"/{bin,proc,dev,etc,tmp}
    cp /bin/busybox "$dir/rootfs/bin/busybox"
    for applet in sh ls cat id sleep date true; do ln -sf busybox "$dir/rootfs/bin/$applet"; done
    echo "$pod" >"$dir/rootfs/etc/hostname"
    cat >"$dir/config.json" <<JSON
{
  "ociVersion": "1.0.2",
  "process": {
    "terminal": false, "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
    "args": ["/bin/sh", "-c", "$command"],
    "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] }
  },
  "root": { "path": "rootfs" },
  "hostname": "$pod",
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }
  ],
  "annotations": {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": "$container",
    "io.kubernetes.cri.image-name": "docker.io/library/busybox:latest",
    "io.kubernetes.cri.sandbox-name": "$pod",
    "io.kubernetes.cri.sandbox-namespace": "demo",
    "io.kubernetes.cri.sandbox-uid": "0b3c1d2e-5f60-4a71-8b92-c3d4e5f60718"
  },
  "hooks": {
    "$stage": [{
      "path": "$dist/apus-oci-hook",
      "args": ["apus-oci-hook", "$stage", "--agent-address", "unix://$work/hook.sock", "--log-file", "$work/hook.log"]
    }]
  },
  "linux": {
    "cgroupsPath": "/apus-demo-$tag-$container",
    "namespaces": [
      { "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }, { "type": "network" }
    ]
  }
}
JSON
}

"$dist/apus-agent" --server-address "unix://$work/apus.sock" --hook-address "unix://$work/hook.sock" \
    --state-dir "$work/state" --export-filename "$work/events.json" --node-name "$(hostname)" 2>"$work/agent.log" &
agent=$!
for _ in $(seq 100); do
    grep -qs 'msg=ready' "$work/agent.log" && break
    kill -0 "$agent" 2>/dev/null || { cat "$work/agent.log" >&2; exit 1; }
    sleep 0.1
done
"$dist/apus" status --server-address "unix://$work/apus.sock"
"$dist/apus" getevents --server-address "unix://$work/apus.sock" -o compact --namespace demo &
client=$!
sleep 0.5

bundle "$work/web" createContainer shop-7d9f4 web \
    '/bin/cat /etc/hostname; /bin/ls /; (/bin/date; /bin/true) & exec /bin/sleep 1000'
bundle "$work/job" createRuntime nightly-28391 job 'exec /bin/true'

say "runc creates pod demo/shop-7d9f4; the hook (createContainer) says who it is before its first event"
runc --root "$work/runc" run --detach --bundle "$work/web" "$web" </dev/null >"$work/web.out" 2>&1
sleep 0.5

say "pod demo/nightly-28391 lives for a millisecond; the hook runs in the other stage (createRuntime)"
runc --root "$work/runc" run --bundle "$work/job" "$job" </dev/null
sleep 0.3

say "somebody runs 'id' in the first pod by runc exec, as kubectl exec does"
runc --root "$work/runc" exec "$web" /bin/sh -c '/bin/id >/dev/null'
sleep 0.3

say "somebody enters its namespaces from the host by nsenter"
init=$(runc --root "$work/runc" state "$web" | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
nsenter --target "$init" --all /bin/cat /etc/hostname >/dev/null
sleep 0.3

say "the pod goes"
runc --root "$work/runc" kill "$web" KILL
sleep 0.5

kill "$client" 2>/dev/null || true
wait "$client" 2>/dev/null || true
client=''
named=$(grep -c '"namespace":"demo"' "$work/events.json" || true)
say "done: $named events of two containers, from the first on with namespace, pod and container"

#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# Process 1 of a guest: mounts what a machine has, runs a command, switches off. The kernel command line says which
# cgroups (apus.cgroup=), which command (apus.run=, a line of shell in base64), or that somebody wants a shell
# (apus.shell). What the command says goes to the second serial port, so that no message of the kernel's gets between.
export PATH=/usr/sbin:/usr/bin:/apus/dist HOME=/root TERM=linux
# Where the image has what tests look for; and everything takes an emulated CPU ten times as long.
export APUS_DIST=/apus/dist APUS_TEST_PROGRAMS=/apus/programs APUS_VERIFIER_TABLE=/apus/verifier-cost.tsv
export APUS_POLICIES=/apus/policies APUS_PATIENCE=10
bb=busybox

$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t bpf bpf /sys/fs/bpf
$bb mount -t tracefs tracing /sys/kernel/tracing
$bb mount -t securityfs security /sys/kernel/security
$bb mount -t tmpfs -o mode=1777 tmp /tmp
$bb mount -t tmpfs run /run
$bb mkdir -p /dev/pts /dev/shm
$bb mount -t devpts -o ptmxmode=0666 pts /dev/pts
$bb mount -t tmpfs -o mode=1777 shm /dev/shm
$bb ln -s /proc/self/fd /dev/fd
$bb ln -s /run /var/run
$bb hostname guest
$bb ip link set lo up

# value NAME: what the kernel command line says after NAME=.
value() { $bb tr ' ' '\n' </proc/cmdline | $bb sed -n "s/^$1=//p"; }

# Each v1 controller in a hierarchy of its own, but for the pairs that every distribution mounts together.
mount_v1() {
    $bb mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    for controller in $($bb awk '!/^#/ && $4 == 1 { print $1 }' /proc/cgroups); do
        case $controller in
        cpu | cpuacct) set -- cpu,cpuacct ;;
        net_cls | net_prio) set -- net_cls,net_prio ;;
        *) set -- "$controller" ;;
        esac
        $bb mkdir -p "/sys/fs/cgroup/$1"
        [ -e "/sys/fs/cgroup/$1/cgroup.procs" ] || $bb mount -t cgroup -o "$1" cgroup "/sys/fs/cgroup/$1" 2>/dev/null ||
            # 6.12 lists memory and cpuset, but not for v1.
            $bb rmdir "/sys/fs/cgroup/$1"
        [ "$1" = "$controller" ] || $bb ln -s "$1" "/sys/fs/cgroup/$controller"
    done
}

case $(value apus.cgroup) in
v1) mount_v1 ;;
*) $bb mount -t cgroup2 cgroup /sys/fs/cgroup ;;
esac

if $bb grep -qw apus.shell /proc/cmdline; then
    $bb --install -s /usr/bin 2>/dev/null
    echo "A guest of $(uname -r). /apus has everything; 'exit' switches off."
    $bb setsid $bb cttyhack /bin/sh
else
    $bb stty raw </dev/ttyS1
    value apus.run | $bb base64 -d >/run/command
    $bb sh /run/command >/dev/ttyS1 2>&1
    if $bb dmesg | $bb grep -E 'BUG:|Oops|WARNING: |soft lockup|hung_task' >/dev/ttyS1; then
        echo "@@ kernel" >/dev/ttyS1
    fi
    echo "@@ end" >/dev/ttyS1
    # What is written to a serial port leaves it later.
    $bb sleep 1
fi
$bb poweroff -f

#!/bin/busybox sh
# The guest's first process: mounts what programs expect, loads modules, runs /script, reports, powers off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
ln -s /proc/self/fd /dev/fd
hostname saker-vm
ip link set lo up
stty -F /dev/ttyS1 raw

result=0
for module in /modules/*.ko; do
    [ -e "$module" ] || continue
    insmod "$module" || {
        echo "saker-vm: cannot load $module"
        result=125
    }
done
if [ $result = 0 ]; then
    if [ -e /script ]; then
        # The first line of the script decides what runs it; without one it is a shell script.
        if [ "$(head -c 2 /script)" = '#!' ] || [ "$(head -c 4 /script | tail -c 3)" = ELF ]; then
            /script </dev/null
        else
            sh /script </dev/null
        fi
        result=$?
    else
        echo "saker-vm: kernel $(uname -r); poweroff -f ends this"
        setsid cttyhack sh
    fi
fi

. /report.sh
poweroff -f

#!/bin/busybox sh
# The first process of a guest that boots with systemd (run --system): mounts the system, puts the script and the files into it, and hands over.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
fail() {
    echo "saker-vm: $*"
    echo "saker-vm: exit 125" >/dev/ttyS1
    poweroff -f
}
for module in /modules/*.ko; do
    insmod "$module" || fail "cannot load $module"
done
# disk SERIAL: its device, once it is there.
disk() {
    for _ in $(seq 100); do
        found=$(grep -lx "$1" /sys/block/*/serial 2>/dev/null | cut -d/ -f4)
        [ -z "$found" ] || break
        sleep 0.1
    done
    echo "/dev/$found"
}
mkdir -p /system
mount -t ext4 "$(disk root)" /system || fail "cannot mount the system"
mount -t ext4 "$(disk modules)" /system/usr/lib/modules || fail "cannot mount the modules"
while read -r number to; do
    mkdir -p "/system$(dirname "$to")"
    if [ -d "/files/$number" ]; then mkdir -p "/system$to" && from=/files/$number/.; else from=/files/$number; fi
    cp -a "$from" "/system$to" || fail "cannot put $to into the system"
done </files/list
umount /proc /sys
mount --move /dev /system/dev
exec switch_root /system /sbin/init

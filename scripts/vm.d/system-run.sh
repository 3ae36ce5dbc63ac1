#!/bin/bash
# Runs in a guest with systemd, as the service saker-vm once the system is up: runs /script, reports, powers off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux LC_ALL=C.UTF-8
stty -F /dev/ttyS1 raw
mkdir -p /out
if [ -e /script ]; then
    if [ "$(head -c 2 /script)" = '#!' ]; then /script </dev/null; else bash /script </dev/null; fi
    result=$?
else
    echo "saker-vm: kernel $(uname -r); poweroff -f ends this"
    result=0
    setsid --ctty --wait bash -i </dev/ttyS0 >/dev/ttyS0 2>&1
fi
. /usr/lib/saker-vm/report.sh
poweroff --force --force

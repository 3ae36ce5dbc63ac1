# Runs in the guest: `saker record` of the whole host, with each driver that /drivers names. What other processes do must be in the file,
# which `saker read` reads back.
mkdir -p /tmp
passed=0
failed=0
for driver in $(cat /drivers); do
    case $driver in *,*) continue ;; esac
    [ "$driver" != kmod ] || insmod /saker.ko || exit 1
    rm -f /tmp/host.scap
    saker record -w /tmp/host.scap --driver "$driver" >/tmp/log 2>&1 &
    agent=$!
    until grep -q "recording with" /tmp/log; do
        kill -0 $agent || { cat /tmp/log; exit 1; }
        sleep 1
    done
    # Of processes that are nobody's children here: each in a session and a cgroup of its own.
    for i in $(seq 20); do
        mkdir -p "/sys/fs/cgroup/of-$i"
        setsid sh -c "echo 0 >/sys/fs/cgroup/of-$i/cgroup.procs; cat /nonexistent/of-$i" 2>/dev/null
    done
    sleep 2
    kill -INT $agent
    wait $agent
    status=$?
    found=$(saker read /tmp/host.scap 'evt.type in (open, openat) and evt.arg.name startswith /nonexistent/of-' \
        -p '%evt.arg.name %thread.cgroups' 2>/tmp/read | grep -c 'of-\([0-9]*\) .*/of-\1' || true)
    if [ $status = 0 ] && [ "$found" = 20 ]; then
        echo "ok       record: $driver: $found of 20 processes; $(grep '^Written\|^Events' /tmp/log | tr '\n' ' ')"
        passed=$((passed + 1))
    else
        echo "FAILED   record: $driver: status $status, $found of 20 processes"
        tail -5 /tmp/log /tmp/read
        failed=$((failed + 1))
    fi
    [ "$driver" != kmod ] || rmmod saker || failed=$((failed + 1))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

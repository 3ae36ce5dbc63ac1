# Runs in the guest: every action under `saker run` with the rules in /rules, with each driver that /drivers names, and with as many
# threads as /threads says, one run for each number. With /own the rules are ours, and look-alikes must raise none. With /load, other processes fork, execute and share descriptors meanwhile.
mkdir -p /tmp /out
grep -q '^daemon:' /etc/passwd 2>/dev/null || {
    printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nsomebody:x:1000:1000::/:/bin/false\n' >>/etc/passwd
}
status=0
rules=
loaded=
for file in /rules/*.yaml; do
    rules="$rules -r $file"
    loaded="$loaded --rules $file"
done
run() {
    local driver=$1 threads=$2
    echo "== actions: $driver, --threads $threads$([ ! -e /own ] || echo ', the rules in rules/')"
    [ "$driver" != kmod ] || insmod /saker.ko || exit 1
    load=
    if [ -e /load ]; then
        saker-stress load 3 &
        load=$!
    fi
    # Every rule is on, also those that are off unless asked for; each event may raise several.
    # shellcheck disable=SC2086
    saker run $rules --driver "$driver" --threads "$threads" --rule-matching all --json -o 'rules[].enable.rule=*' \
        >/tmp/alerts-$driver 2>/tmp/log-$driver &
    agent=$!
    # It is ready when it notices something.
    ready=
    for _ in $(seq 600); do
        saker-actions run ReadSensitiveFileUntrusted >/dev/null 2>&1
        if grep -q 'Read sensitive file untrusted\|Password hashes read' /tmp/alerts-$driver; then
            ready=1
            break
        fi
        kill -0 $agent 2>/dev/null || break
        sleep 1
    done
    if [ -z "$ready" ]; then
        echo "FAILED   the agent raised nothing within ten minutes:"
        cat /tmp/log-$driver
        status=1
    else
        # shellcheck disable=SC2086
        saker-actions check --alerts /tmp/alerts-$driver $([ -e /own ] && echo --own) $loaded || status=1
    fi
    [ -z "$load" ] || kill -KILL $load
    kill -TERM $agent 2>/dev/null
    wait $agent || { echo "FAILED   the agent ended with status $?"; tail -20 /tmp/log-$driver; status=1; }
    tail -15 /tmp/log-$driver
    [ "$driver" != kmod ] || rmmod saker || status=1
}

for driver in $(cat /drivers); do
    for threads in $(cat /threads); do
        run "$driver" "$threads"
    done
done
exit $status

# Runs in the guest: what `saker run` with the rules in /rules takes in memory beyond the rings, on a quiet host and with many
# threads alive. The bounds are in MiB.
mkdir -p /tmp
status=0
THREADS=${THREADS:-100000}
echo 400000 >/proc/sys/kernel/pid_max
echo 400000 >/proc/sys/kernel/threads-max
rules=
for file in /rules/*.yaml; do rules="$rules -r $file"; done

# All that a process has in memory, its program too, beyond the rings: those are mappings of the device or of maps. In MiB.
beyond_rings() {
    awk '/^[0-9a-f]+-[0-9a-f]+ / { ring = /\/dev\/saker|bpf-map/ }
        /^Rss:/ && !ring { sum += $2 }
        END { printf "%.1f", sum / 1024 }' "/proc/$1/smaps"
}
heap() { awk '/^RssAnon:/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
# bound DRIVER WHEN PID MIB
bound() {
    local took
    took=$(beyond_rings "$3")
    if awk -v took="$took" -v bound="$4" 'BEGIN { exit !(took > 0 && took + 0 <= bound + 0) }'; then
        echo "ok       $1 $2: $took MiB (data $(heap "$3")), the bound is $4"
    else
        echo "FAILED   $1 $2: $took MiB (data $(heap "$3")), the bound is $4"
        return 1
    fi
}
# Waits until the agent records.
recording() {
    until grep -q "recording with" /tmp/log; do
        kill -0 "$1" || { cat /tmp/log; exit 1; }
        sleep 1
    done
}
passed=0
failed=0
count() { if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi; }

for driver in $(cat /drivers); do
    case $driver in *,*) continue ;; esac
    [ "$driver" != kmod ] || insmod /saker.ko || exit 1
    # shellcheck disable=SC2086
    saker run $rules --driver "$driver" >/tmp/alerts 2>/tmp/log &
    agent=$!
    recording $agent
    sleep 20
    count bound "$driver" "on a quiet host" $agent 30
    saker-stress threads "$THREADS" >/tmp/threads &
    threads=$!
    until [ -s /tmp/threads ]; do
        kill -0 $threads || { echo "FAILED   the threads could not be made"; exit 1; }
        sleep 1
    done
    sleep 20
    echo "threads alive: $(cut -d/ -f2 /proc/loadavg | cut -d' ' -f1)"
    count bound "$driver" "with $THREADS threads made" $agent 100
    kill -TERM $agent
    wait $agent || failed=$((failed + 1))
    tail -3 /tmp/log
    # An agent that finds them in /proc.
    # shellcheck disable=SC2086
    saker run $rules --driver "$driver" >/tmp/alerts 2>/tmp/log &
    agent=$!
    recording $agent
    sleep 20
    grep "recording with" /tmp/log
    count bound "$driver" "with $THREADS threads found" $agent 100
    kill -KILL $threads
    kill -TERM $agent
    wait $agent || failed=$((failed + 1))
    sleep 5
    [ "$driver" != kmod ] || rmmod saker || failed=$((failed + 1))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

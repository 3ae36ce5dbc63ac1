# Runs in the guest: what `saker run` with the rules in /rules takes in memory beyond the rings, on a quiet host and with many
# threads alive. The bounds are in MiB.
mkdir -p /tmp
status=0
THREADS=${THREADS:-100000}
echo 400000 >/proc/sys/kernel/pid_max
echo 400000 >/proc/sys/kernel/threads-max
rules=
for file in /rules/*.yaml; do rules="$rules -r $file"; done

# The agent's own pages: rings are pages of the device or of maps, and count as files or shared memory.
own() { awk '/^RssAnon:/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
code() { awk '/^RssFile:/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
bound() {
    echo "$1 $2: $3 MiB of its own, $5 MiB of program and rings"
    awk -v took="$3" -v bound="$4" 'BEGIN { exit !(took + 0 <= bound + 0) }' && echo "ok       $1 $2" && return
    echo "FAILED   $1 $2: $3 MiB, the bound is $4"
    return 1
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
    until grep -q detecting /tmp/log; do
        kill -0 $agent || { cat /tmp/log; exit 1; }
        sleep 1
    done
    sleep 20
    count bound "$driver" "on a quiet host" "$(own $agent)" 30 "$(code $agent)"
    saker-stress threads "$THREADS" >/tmp/threads &
    threads=$!
    until [ -s /tmp/threads ]; do
        kill -0 $threads || { echo "FAILED   the threads could not be made"; exit 1; }
        sleep 1
    done
    sleep 20
    echo "threads alive: $(cut -d/ -f2 /proc/loadavg | cut -d' ' -f1)"
    count bound "$driver" "with $THREADS threads made" "$(own $agent)" 100 "$(code $agent)"
    kill -TERM $agent
    wait $agent || failed=$((failed + 1))
    tail -3 /tmp/log
    # An agent that finds them in /proc.
    # shellcheck disable=SC2086
    saker run $rules --driver "$driver" >/tmp/alerts 2>/tmp/log &
    agent=$!
    until grep -q detecting /tmp/log; do sleep 1; done
    sleep 20
    grep detecting /tmp/log
    count bound "$driver" "with $THREADS threads found" "$(own $agent)" 100 "$(code $agent)"
    kill -KILL $threads
    kill -TERM $agent
    wait $agent || failed=$((failed + 1))
    sleep 5
    [ "$driver" != kmod ] || rmmod saker || failed=$((failed + 1))
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

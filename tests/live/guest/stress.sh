# Runs in the guest: the stress programs under the module and under eBPF, one line each. The VM fails the run if the kernel says a
# word about it.
mkdir -p /tmp
passed=0
failed=0
check() {
    local name=$1
    shift
    if "$@" >/tmp/out 2>&1; then
        echo "ok       $name: $(tail -1 /tmp/out)"
        passed=$((passed + 1))
    else
        echo "FAILED   $name: status $?"
        tail -5 /tmp/out
        failed=$((failed + 1))
    fi
}

rounds() {
    local i recorded=0
    saker-stress load 4 &
    local load=$!
    for i in $(seq "${ROUNDS:-200}"); do
        insmod /saker.ko || return 1
        : >/tmp/begun
        saker-stress abandon --driver kmod >/tmp/begun 2>&1 &
        local reader=$!
        # Every other time in the middle of its beginning, else while it records.
        if [ $((i % 2)) = 0 ]; then
            until [ -s /tmp/begun ]; do usleep 10000; done
        fi
        usleep $((i % 10 * 2000))
        kill -9 $reader
        wait $reader 2>/dev/null
        # The last reference goes with the process.
        local try
        for try in 1 2 3 4 5 6 7 8 9 10; do
            rmmod saker 2>/dev/null && break
            usleep 20000
        done
        [ "$(cat /tmp/begun)" != recording ] || recorded=$((recorded + 1))
        grep -q '^saker ' /proc/modules && { echo "the module stays after round $i"; return 1; }
    done
    kill -9 $load
    wait $load 2>/dev/null
    echo "$i rounds of loading and unloading under load, $recorded of them recorded"
}

# An agent that dies in the middle of a flood, again and again; then one that must still record everything.
killed() {
    local driver=$1 i
    saker-stress load 4 &
    local load=$!
    for i in $(seq 20); do
        : >/tmp/begun
        saker-stress abandon --driver "$driver" --calls openat,read,close,vfork,clone,execve,wait4 >/tmp/begun 2>&1 &
        local agent=$!
        # Every other time while it records, else in the middle of its beginning.
        if [ $((i % 2)) = 0 ]; then
            until [ -s /tmp/begun ]; do usleep 10000; done
        fi
        usleep 150000
        kill -9 $agent
        wait $agent 2>/dev/null
        kill -0 $load || { echo "the load was hurt"; return 1; }
    done
    kill -9 $load
    wait $load 2>/dev/null
    saker-stress openat --driver "$driver" --threads 1 --calls 1000
}

hotplug() {
    local driver=$1 i
    [ -e /sys/devices/system/cpu/cpu1/online ] || { echo "no CPU can be switched off here"; return 1; }
    (while :; do
        echo 0 >/sys/devices/system/cpu/cpu1/online
        echo 1 >/sys/devices/system/cpu/cpu1/online
    done) 2>/dev/null &
    local switcher=$!
    saker-stress openat --driver "$driver" --threads 3 --calls 20000
    i=$?
    kill -9 $switcher
    wait $switcher 2>/dev/null
    echo 1 >/sys/devices/system/cpu/cpu1/online
    return $i
}

under() {
    local driver=$1
    saker-stress abandon --driver "$driver" >/dev/null 2>&1 &
    local reader=$!
    sleep 2
    shift
    "$@"
    local result=$?
    kill -9 $reader
    wait $reader 2>/dev/null
    return $result
}

for driver in $(cat /drivers); do
    case $driver in *,*) continue ;; esac
    echo "== stress: $driver"
    [ "$driver" != kmod ] || insmod /saker.ko || exit 1
    check "three threads on one CPU" saker-stress openat --driver "$driver"
    check "a full ring" saker-stress openat --driver "$driver" --full
    check "killed and begun again" killed "$driver"
    check "fork bomb with an end" under "$driver" saker-stress fork
    check "2 MiB of arguments" under "$driver" saker-stress arguments
    check "userfaultfd" under "$driver" saker-stress userfaultfd
    check "FUSE" under "$driver" saker-stress fuse
    check "CPUs come and go" hotplug "$driver"
    if [ "$driver" = kmod ]; then
        check "a reader that scribbles" saker-stress scribble
        check "the module after that" saker-stress openat --driver kmod --threads 1 --calls 1000
        rmmod saker || failed=$((failed + 1))
        check "load and unload" rounds
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]

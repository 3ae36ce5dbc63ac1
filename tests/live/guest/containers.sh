# Runs in the guest: containers of Podman, containerd and Docker under `saker run`. For each shell that is started in a container, by run and by
# exec, one alert must have the container's name and image. /drivers names the drivers, /tries how many of each.
tries=$(cat /tries)
mkdir -p /c /out
mount -t tmpfs -o size=3g tmpfs /c
tar -C /c -xf /root.tar || exit 1
rm /root.tar
for place in proc sys dev; do mount --rbind /$place /c/$place; done
mount -t tmpfs tmpfs /c/run
mount -t tmpfs tmpfs /c/tmp
mkdir /c/run/podman
in_root() { chroot /c /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
podman() { in_root podman --cgroup-manager=cgroupfs --events-backend=file "$@"; }

mkdir -p /c/box/bin
cp /c/usr/bin/busybox /c/box/bin/busybox
for name in sh sleep true; do ln -s busybox /c/box/bin/$name; done
tar -C /c/box -cf /c/tmp/box-root.tar . || exit 1
podman import -q -c 'LABEL of=box' /tmp/box-root.tar localhost/box:1 || exit 1
podman save -q --format oci-archive -o /tmp/box.tar localhost/box:1 || exit 1
podman save -q --format docker-archive -o /tmp/docker.tar localhost/box:1 || exit 1
cat >/rules.yaml <<'RULES'
- rule: Shell in container
  desc: A shell was started in a container.
  condition: evt.type in (execve, execveat) and evt.failed = false and container.id != host and proc.name = sh
  output: shell <%proc.cmdline> name=%container.name image=%container.image.repository:%container.image.tag type=%container.type incomplete=%saker.container.incomplete
  priority: NOTICE
RULES

passed=0 failed=0
# Counts the alerts that have all that they must have.
judge() { # NAME PATTERN
    local seen=0 all
    for _ in $(seq 60); do
        seen=$(grep -c "$2" /tmp/alerts)
        [ "$seen" -lt "$tries" ] || break
        sleep 1
    done
    all=$(grep -c "shell <sh -c : $1" /tmp/alerts)
    if [ "$seen" = "$tries" ] && [ "$all" = "$tries" ]; then
        echo "ok       $driver $1: $seen of $tries"
        passed=$((passed + 1))
    else
        echo "FAILED   $driver $1: $seen of $tries are complete, $all came"
        grep "shell <sh -c : $1" /tmp/alerts | grep -v "$2" | head -5
        failed=$((failed + 1))
    fi
}

with_podman() { # KIND
    local n
    for n in $(seq "$tries"); do
        podman run --rm --network none --name "$1$n" localhost/box:1 /bin/sh -c ": $1-run" >/dev/null 2>>/tmp/errors || echo "podman run: status $?"
    done
    judge "$1-run" "shell <sh -c : $1-run> name=$1[0-9]* image=localhost/box:1 type=podman incomplete=false"
    podman run -d --network none --name "$1-long" localhost/box:1 /bin/sleep 3600 >/dev/null 2>>/tmp/errors || echo "podman run -d: status $?"
    for n in $(seq "$tries"); do
        podman exec "$1-long" /bin/sh -c ": $1-exec" 2>>/tmp/errors || echo "podman exec: status $?"
    done
    judge "$1-exec" "shell <sh -c : $1-exec> name=$1-long image=localhost/box:1 type=podman incomplete=false"
    podman rm -f -t 0 "$1-long" >/dev/null 2>>/tmp/errors
}

with_containerd() {
    local n
    for n in $(seq "$tries"); do
        in_root ctr run --rm localhost/box:1 "ctr$n" /bin/sh -c ": ctr-run" 2>>/tmp/errors || echo "ctr run: status $?"
    done
    judge ctr-run "shell <sh -c : ctr-run> name=ctr[0-9]* image=localhost/box:1 type=containerd incomplete=false"
    in_root ctr run -d localhost/box:1 ctrlong /bin/sleep 3600 2>>/tmp/errors || echo "ctr run -d: status $?"
    for n in $(seq "$tries"); do
        in_root ctr task exec --exec-id "e$n" ctrlong /bin/sh -c ": ctr-exec" 2>>/tmp/errors || echo "ctr exec: status $?"
    done
    judge ctr-exec "shell <sh -c : ctr-exec> name=ctrlong image=localhost/box:1 type=containerd incomplete=false"
    # The next driver finds nothing of it.
    in_root ctr task rm -f ctrlong >/dev/null 2>>/tmp/errors
    in_root ctr container rm ctrlong 2>>/tmp/errors
}

with_docker() {
    local n
    for n in $(seq "$tries"); do
        in_root docker run --rm --network none --name "docker$n" localhost/box:1 /bin/sh -c ": docker-run" 2>>/tmp/errors || echo "docker run: status $?"
    done
    judge docker-run "shell <sh -c : docker-run> name=docker[0-9]* image=localhost/box:1 type=docker incomplete=false"
    in_root docker run -d --network none --name dockerlong localhost/box:1 /bin/sleep 3600 >/dev/null 2>>/tmp/errors
    for n in $(seq "$tries"); do
        in_root docker exec dockerlong /bin/sh -c ": docker-exec" 2>>/tmp/errors || echo "docker exec: status $?"
    done
    judge docker-exec "shell <sh -c : docker-exec> name=dockerlong image=localhost/box:1 type=docker incomplete=false"
    in_root docker rm -f dockerlong >/dev/null 2>>/tmp/errors
}

# started PID COMMAND…: waits until the command succeeds, as long as the process is there.
started() {
    local pid=$1
    shift
    for _ in $(seq 600); do
        "$@" >/dev/null 2>&1 && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 1
    done
    return 1
}
# Under load: processes come and go all the while.
while sleep 0.05; do
    for _ in 1 2 3 4; do busybox ls /c/usr/bin >/dev/null; done
done &
load=$!
for driver in $(cat /drivers); do
    [ "$driver" != kmod ] || insmod /saker.ko || exit 1
    # A guest on emulated processors is slow by itself; what is tried is that nothing is judged too early.
    HOST_ROOT=/c saker run -r /rules.yaml --driver "$driver" -o saker.containers.wait_ms=20000 >/tmp/alerts 2>/tmp/log &
    agent=$!
    started $agent grep -q "recording with" /tmp/log || { echo "FAILED   the agent does not start"; cat /tmp/log; exit 1; }
    echo "the agent detects after $(cut -d' ' -f1 /proc/uptime) s"
    with_podman files
    in_root podman system service --time 0 unix:///run/podman/podman.sock >/tmp/podman.log 2>&1 &
    service=$!
    if started $service test -S /c/run/podman/podman.sock; then
        sleep 5
        with_podman socket
    else
        echo "FAILED   Podman's service does not start"
        tail -5 /tmp/podman.log
        failed=$((failed + 1))
    fi
    kill $service
    in_root containerd >/tmp/containerd.log 2>&1 &
    daemon=$!
    if started $daemon in_root ctr version && in_root ctr images import /tmp/box.tar >/dev/null 2>>/tmp/errors; then
        sleep 5
        with_containerd
        in_root dockerd --bridge=none --iptables=false --ip6tables=false --containerd /run/containerd/containerd.sock >/tmp/docker.log 2>&1 &
        docker=$!
        if started $docker in_root docker version && in_root docker load -q -i /tmp/docker.tar >/dev/null 2>>/tmp/errors; then
            sleep 5
            with_docker
        else
            echo "FAILED   Docker does not start"
            tail -5 /tmp/docker.log
            failed=$((failed + 1))
        fi
        kill $docker 2>/dev/null
    else
        echo "FAILED   containerd does not start"
        tail -5 /tmp/containerd.log
        failed=$((failed + 1))
    fi
    kill $daemon 2>/dev/null
    kill -TERM $agent
    for _ in $(seq 60); do
        kill -0 $agent 2>/dev/null || break
        sleep 1
    done
    if kill -KILL $agent 2>/dev/null; then
        echo "FAILED   $driver: the agent does not end on SIGTERM"
        failed=$((failed + 1))
    fi
    wait $agent
    # The closing summary.
    tail -12 /tmp/log
    [ "$driver" != kmod ] || rmmod saker
done
kill $load
sort /tmp/errors | uniq -c | sort -rn | head -5
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

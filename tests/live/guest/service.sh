# Runs in a guest with systemd: the life of the packages. Installed, started, an attack detected, rules loaded anew, the service stopped, frozen,
# killed and blinded by somebody, upgraded, Falco's place taken, removed, purged; with each driver that /drivers names.
# /packages/old and /packages/new hold the packages of two versions, /saker.ko the module.
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PAGER=cat
unit=saker
passed=0 failed=0

ok() { echo "ok       $driver: $1"; passed=$((passed + 1)); }
failed() {
    echo "FAILED   $driver: $1"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" | tail -n 12
    failed=$((failed + 1))
}
# check NAME COMMAND…: the command must succeed.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then ok "$name"; else failed "$name" "$said"; fi
}
# From here on what the journal says counts.
mark() { cursor=$(journalctl -n 1 --show-cursor -q | sed -n 's,^-- cursor: ,,p'); }
# What the unit said since then: messages, or JSON.
said() { journalctl -u "$unit" --after-cursor="$cursor" -q "$@"; }
# soon COMMAND…: the command succeeds within two minutes; a guest on emulated processors is slow by itself.
soon() {
    local end=$((SECONDS + 120))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 1
    done
}
message() { said -o cat | grep -E -- "$1"; }
# alert NAME PATTERN: the journal has, since the mark, a message with the pattern.
alert() {
    if soon message "$2"; then ok "$1: $(message "$2" | head -n 1 | cut -c 1-230)"; else failed "$1: no /$2/" "$(said -o cat)"; fi
}
# Fields that an entry of the journal must have: a rule, then NAME=PATTERN…
entry() {
    local rule=$1 test='true' pair
    shift
    for pair; do test+=" and (.${pair%%=*} // \"\" | tostring | test(\"${pair#*=}\"))"; done
    said -o json SAKER_RULE="$rule" | jq -es "map(select($test)) | length > 0"
}
main_pid() { systemctl show -P MainPID "$unit"; }
restarts() { systemctl show -P NRestarts "$unit"; }
is_ready() { [ "$(systemctl is-active "$unit")" = active ] && systemctl show -P StatusText "$unit" | grep -q "Detecting by"; }
ready() { if soon is_ready; then ok "$1: $(systemctl show -P StatusText "$unit")"; else failed "$1" "$(systemctl status "$unit" --no-pager 2>&1)"; fi; }
# A program that nobody knows reads the password hashes.
attack() {
    cp /usr/bin/cat /usr/local/bin/stranger
    /usr/local/bin/stranger /etc/shadow >/dev/null
}
detects() {
    mark
    attack
    alert "$1" 'command=stranger /etc/shadow exe=/usr/local/bin/stranger'
}
install_package() { apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install "$@"; }
not() { ! "$@"; }

life() {
    driver=$1
    mkdir -p /etc/saker/config.d
    printf 'saker:\n  driver: %s\n' "$driver" >/etc/saker/config.d/driver.yaml

    mark
    check "install" install_package /packages/old/saker_*.deb
    ready "the service runs once events are looked at"
    check "it is enabled" systemctl is-enabled saker
    check "it has the driver" soon message "recording with $driver:"
    detects "an attack is in the journal"
    check "its entry has fields" soon entry "Password hashes read" PRIORITY=4 SYSLOG_IDENTIFIER=saker SAKER_PRIORITY=Warning \
        SAKER_PROC_EXEPATH=/usr/local/bin/stranger SAKER_FD_NAME=/etc/shadow SAKER_TAG=T1003.008 _SYSTEMD_UNIT=saker.service
    check "/healthz" soon curl -sf http://127.0.0.1:8765/healthz
    check "/metrics counts the match" bash -c 'curl -sf http://127.0.0.1:8765/metrics | grep "saker_rule_matches_total.*Password hashes read" | grep -qv " 0$"'
    check "the spool is private" bash -c '[ -z "$(find /var/lib/saker -perm /077)" ]'

    # Loading anew.
    local pid exposure begun
    pid=$(main_pid)
    begun=$(restarts)
    cat >/etc/saker/rules.d/local.yaml <<'RULES'
- rule: Somebody asked for the moon
  desc: A rule of this host's owner.
  condition: evt.type in (open, openat, openat2) and fd.name = /tmp/moon
  output: The moon was asked for (process=%proc.name command=%proc.cmdline file=%fd.name)
  priority: NOTICE
RULES
    mark
    check "systemctl reload" systemctl reload saker
    check "the rules are said to be loaded" soon message 'rules'
    moon() { touch /tmp/moon; }
    soon_moon() { moon; message 'The moon was asked for \(process=touch'; }
    if soon soon_moon; then ok "a local rule is in force after the reload"; else failed "a local rule after the reload" "$(said -o cat)"; fi
    echo '- rule: broken' >/etc/saker/rules.d/zz-broken.yaml
    mark
    systemctl reload saker
    alert "a bad file is refused aloud" 'hot restart failure|zz-broken.yaml'
    rm /etc/saker/rules.d/zz-broken.yaml
    detects "the old rules go on"
    check "it is the same process all the while" [ "$(main_pid)" = "$pid" ]

    # What the service may do.
    exposure=$(systemd-analyze security saker --no-pager 2>/dev/null | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p')
    check "systemd-analyze security saker: $exposure of 10, at most 4.5" awk -v is="$exposure" 'BEGIN { exit !(is != "" && is <= 4.5) }'
    check "doctor ends with a canary, beside the service" saker doctor --driver "$driver"

    # What is done to it.
    mark
    sleep 25
    check "the canary comes back" not message 'driver does not answer'
    mark
    python3 -c 'import os, signal, sys; os.kill(int(sys.argv[1]), signal.SIGUSR1)' "$pid"
    alert "a signal is told, with who sent it" 'was sent a signal .signal=SIGUSR1 process=python3 command=python3 -c'
    mark
    kill -STOP "$pid"
    sleep 8
    kill -CONT "$pid"
    alert "SIGSTOP is told, with who sent it" 'was sent a signal .signal=SIGSTOP process=bash'
    alert "the time is told for which it was stopped" 'The agent did not run for [0-9.]+ seconds'
    mark
    python3 -c 'import os, signal, sys; signal.pidfd_send_signal(os.pidfd_open(int(sys.argv[1])), signal.SIGUSR1)' "$pid"
    alert "a signal by descriptor is told, with who sent it" 'A descriptor for the agent.s process was opened .process=python3'
    mark
    echo 1 >/sys/fs/cgroup/system.slice/saker.service/cgroup.freeze
    sleep 8
    echo 0 >/sys/fs/cgroup/system.slice/saker.service/cgroup.freeze
    alert "freezing is told, with who did it" "A switch of the agent's cgroup was opened .*cgroup.freeze process=bash"
    alert "the time is told for which it was frozen" 'The agent did not run for [0-9.]+ seconds'
    mark
    timeout 20 strace -p "$pid" -o /dev/null
    alert "a debugger is told" 'taken hold of by a debugger .*process=strace'
    mark
    echo '# touched' >>/etc/saker/saker.yaml
    alert "a change of its configuration is told" 'A file of the agent was opened for writing .file=/etc/saker/saker.yaml process=bash'
    check "it lives through all of it" [ "$(main_pid) $(restarts)" = "$pid $begun" ]
    detects "and detects"

    # Blinded.
    mark
    if [ "$driver" = kmod ]; then
        rmmod saker 2>/dev/null
        alert "the removal of the module is told, with who tried" "tried to remove the agent's kernel module .*process=rmmod"
        check "the module stays" grep -q '^saker ' /proc/modules
    else
        # What the probe is to record stands in a map; a descriptor for it is taken from the agent, and nothing is asked for any more.
        cat >/usr/local/bin/blind <<'PROGRAM'
import ctypes, os, struct, sys
BPF, PIDFD_GETFD, MAP_UPDATE_ELEM, OBJ_GET_INFO_BY_FD = 321, 438, 2, 15
call = ctypes.CDLL(None, use_errno=True).syscall
pid = int(sys.argv[1])
agent = os.pidfd_open(pid)
for name in os.listdir(f"/proc/{pid}/fd"):
    try:
        if "bpf-map" not in os.readlink(f"/proc/{pid}/fd/{name}"):
            continue
    except FileNotFoundError:
        continue
    fd = call(PIDFD_GETFD, agent, int(name), 0)
    info = ctypes.create_string_buffer(128)
    call(BPF, OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", fd, 128, ctypes.addressof(info)), 16)
    size, label = struct.unpack_from("=I", info, 12)[0], info.raw[24:40]
    if b"bss" in label:
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(size)
        sys.exit(-call(BPF, MAP_UPDATE_ELEM, struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0), 32))
sys.exit("no such map")
PROGRAM
        check "the probe is blinded" python3 /usr/local/bin/blind "$pid"
        alert "who took hold of them is told" 'A descriptor for the agent.s process was opened .process=python3 command=python3 /usr/local/bin/blind'
        alert "that the driver is silent is told" 'was not told by the driver'
        systemctl restart saker
        ready "a restart mends it"
    fi

    # Killed, and stopped for good.
    mark
    pid=$(main_pid)
    kill -KILL "$pid"
    other_pid() { [ "$(main_pid)" != "$pid" ] && is_ready; }
    check "systemd starts it anew after SIGKILL" soon other_pid
    alert "the gap is told" 'No agent watched this host after the last one ended unasked'
    mark
    pid=$(main_pid)
    kill -STOP "$pid"
    check "the watchdog ends one that stands still" soon other_pid
    check "the journal says that it was the watchdog" soon message 'Watchdog timeout'
    detects "it detects again"

    # A newer package.
    pid=$(main_pid)
    echo '# edited where it should not be' >>/usr/share/saker/rules/_shared.yaml
    mark
    check "upgrade" install_package /packages/new/saker_*.deb
    check "the newer version runs" soon other_pid
    check "the package is the newer one" bash -c '[ "$(dpkg-query -Wf "\${Version}" saker)" = "$(dpkg-deb -f /packages/new/saker_*.deb Version)" ]'
    check "the configuration is kept" grep -q '# touched' /etc/saker/saker.yaml
    check "shipped rules are the package's" not grep -q 'edited where' /usr/share/saker/rules/_shared.yaml
    if soon soon_moon; then ok "the local rule is kept and in force"; else failed "the local rule after the upgrade" "$(said -o cat)"; fi
    alert "the gap is told" 'No agent watched this host after the last one was stopped'

    # In the place of Falco.
    mkdir -p /etc/falco
    cat >/etc/falco/falco.yaml <<FALCO
rules_files: [/etc/falco/falco_rules.yaml]
engine: {kind: $([ "$driver" = kmod ] && echo kmod || echo modern_ebpf)}
json_output: true
stdout_output: {enabled: true}
webserver: {enabled: false}
FALCO
    cat >/etc/falco/falco_rules.yaml <<'RULES'
- rule: Shadow read
  desc: A rule as Falco has them.
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name = /etc/shadow
  output: Shadow was read (command=%proc.cmdline)
  priority: WARNING
RULES
    unit=falco
    mark
    check "saker-falco: install" install_package /packages/new/saker-falco_*.deb
    ready "falco.service runs"
    check "saker.service does not" not systemctl is-active saker
    check "falco --version" bash -c 'falco --version | grep -i "falco version"'
    detects_falco() { /usr/local/bin/stranger /etc/shadow >/dev/null; message '"rule":"Shadow read"'; }
    if soon detects_falco; then ok "Falco's rules and form: $(message '"rule":"Shadow read"' | head -n 1 | cut -c 1-160)"; else failed "falco.service detects" "$(said -o cat)"; fi
    mark
    check "systemctl reload falco" systemctl reload falco
    mkdir -p /tmp/falco/DEBIAN
    printf 'Package: falco\nVersion: 0.44.1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: stands for Falco\n' >/tmp/falco/DEBIAN/control
    dpkg-deb --root-owner-group -b /tmp/falco /tmp/falco.deb >/dev/null
    check "Falco's own package does not go beside it" not dpkg -i /tmp/falco.deb
    check "saker-falco: purge" apt-get -q -y purge saker-falco
    check "its names are gone" bash -c '[ ! -e /usr/bin/falco ] && ! systemctl cat falco'
    check "Falco's configuration stays" [ -e /etc/falco/falco.yaml ]
    unit=saker
    check "saker.service can run again" systemctl enable --now saker
    detects "it detects again"

    # Gone.
    check "remove" apt-get -q -y remove saker
    check "the service is gone" not systemctl is-active saker
    check "no process is left" not pgrep -x saker
    check "configuration and state are kept" bash -c '[ -e /etc/saker/saker.yaml ] && [ -e /etc/saker/rules.d/local.yaml ] && [ -d /var/lib/saker ]'
    check "purge" apt-get -q -y purge saker
    check "state and configuration are gone" bash -c '[ ! -e /etc/saker/saker.yaml ] && [ ! -e /var/lib/saker ]'
    check "what is the owner's is kept" [ -e /etc/saker/rules.d/local.yaml ]
    [ "$driver" != kmod ] || check "the module can be removed" rmmod saker
    rm -rf /etc/saker /etc/falco
}

check_boot() {
    driver=guest
    # What fails to start on the bare system is not ours, but a person should see it.
    systemctl is-system-running --wait >/tmp/state
    echo "the system is $(cat /tmp/state): $(systemctl --failed --plain --no-legend | cut -d' ' -f1 | tr '\n' ' ')"
}
check_boot
for driver in $(cat /drivers); do
    if [ "$driver" = kmod ]; then
        # As DKMS would have installed it.
        install -Dm644 /saker.ko "/lib/modules/$(uname -r)/updates/dkms/saker.ko"
        depmod
    fi
    life "$driver"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

# Booting a kernel in QEMU with an initramfs of busybox, a script and files, and judging how it went. Sourced by scripts/vm.

guest_defaults() {
    kernel=forky cpus=2 memory= timeout=300 modules= output= icount=0 append= qemu=() splats=fail secure_boot= system=0
}

# Reads the options of run and shell; sets `rest` to the number of arguments that it took.
guest_options() {
    local before=$#
    while [ $# -gt 0 ]; do
        case $1 in
            --icount) icount=1 && shift && continue ;;
            --expect-splats) splats=expected && shift && continue ;;
            --system) system=1 && shift && continue ;;
            --kernel | --cpus | --memory | --timeout | --modules | --output | --append | --secure-boot | --qemu)
                [ $# -gt 1 ] || die "$1 needs a value"
                ;;
            --*) die "unknown option $1" ;;
            *) break ;;
        esac
        case $1 in
            --kernel) kernel=$2 ;;
            --cpus) cpus=$2 ;;
            --memory) memory=$2 ;;
            --timeout) timeout=$2 ;;
            --modules) modules=$2 ;;
            --output) output=$2 ;;
            --append) append=$2 ;;
            --secure-boot) secure_boot=$2 ;;
            --qemu) qemu+=("$2") ;;
        esac
        shift 2
    done
    rest=$((before - $#))
}

guest_run() {
    local kernel cpus memory timeout modules output icount append qemu splats secure_boot system rest
    guest_defaults
    guest_options "$@"
    shift "$rest"
    [ $# -gt 0 ] || die "run: which script?"
    [ -f "$1" ] || die "no script $1"
    guest_boot "$@" </dev/null
}

guest_shell() {
    local kernel cpus memory timeout modules output icount append qemu splats secure_boot system rest
    guest_defaults
    timeout=0
    guest_options "$@"
    shift "$rest"
    # Whoever types sees what happens; there is nothing to judge.
    splats=expected
    guest_boot '' "$@"
}

# guest_boot SCRIPT [FILE…], with the options in the caller's variables. An empty SCRIPT means a shell.
guest_boot() {
    local script=$1 work root status=0 reading disks=()
    shift
    kernel_setup "$kernel"
    [ $system = 0 ] || system_setup
    # An update must not take the kernel away while it is being copied.
    exec {reading}>"$cache/lock/kernel-files"
    flock --shared "$reading"

    work=$(mktemp -d "${TMPDIR:-/tmp}/saker-vm.XXXXXX")
    # shellcheck disable=SC2064  # the value of now is meant
    trap "rm -rf '$work'" EXIT
    root=$work/root
    [ -z "$output" ] || modules="virtio_pci virtio_blk $modules"
    if [ $system = 1 ]; then
        [ -z "$secure_boot" ] || die "--system and --secure-boot do not go together"
        modules="virtio_pci virtio_blk virtio_rng ext4 $modules"
        system_disks "$work"
    fi
    guest_root "$root" "$script" "$@"
    guest_modules "$root"
    in_chroot forky --bind "$work:/mnt/work" -- sh -euc 'cd /mnt/work/root && find . | cpio -o -H newc --quiet >../initramfs'
    cp "$cache/kernel/$kernel/vmlinuz" "$work/vmlinuz"
    exec {reading}>&-
    local size
    size=$(($(stat -c %s "$work/initramfs") >> 20))
    rm -rf "$root"

    # Of what is put into a system nothing stays in memory.
    [ $system = 0 ] || size=$((size / 2 + 256))
    guest_qemu "$work" "${memory:-$((1024 + 2 * size))}" || status=$?
    [ -z "$output" ] || guest_fetch "$work"
    guest_verdict "$work" "$status"
}

# Lays out the guest's root directory.
guest_root() {
    local root=$1 script=$2 file from to
    shift 2
    mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc,proc,sys,dev,run,tmp,root,out,mnt,modules,lib64,lib/x86_64-linux-gnu}
    cp "$cache/chroot/forky/usr/bin/busybox" "$root/bin/busybox"
    if [ $system = 1 ]; then
        guest_system_root "$root" "$script" "$@"
        return
    fi
    cp "$here/vm.d/init.sh" "$root/init"
    cp "$here/vm.d/report.sh" "$root/report.sh"
    chmod 755 "$root/init"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    if [ -n "$script" ]; then
        cp "$script" "$root/script"
        chmod 755 "$root/script"
    fi
    for file in "$@"; do
        from=${file%%:*} to=/$(basename "${file%%:*}")
        case $file in *:*) to=${file#*:} ;; esac
        [ -e "$from" ] || die "no file $from"
        mkdir -p "$root$(dirname "$to")"
        cp -aL "$from" "$root$to"
    done
    guest_libraries "$root"
}

# The same for a guest with systemd: what is for the system lies in /files under a number, and /files/list says where it belongs. The
# system has its own libraries.
guest_system_root() {
    local root=$1 script=$2 file from to n=0
    shift 2
    mkdir "$root/files"
    cp "$here/vm.d/system-init.sh" "$root/init"
    chmod 755 "$root/init"
    set -- "$here/vm.d/system-run.service:/etc/systemd/system/saker-vm.service" "$here/vm.d/system-run.sh:/usr/lib/saker-vm/run" \
        "$here/vm.d/report.sh:/usr/lib/saker-vm/report.sh" \
        ${script:+"$script:/script"} "$@"
    for file in "$@"; do
        from=${file%%:*} to=/$(basename "${file%%:*}")
        case $file in *:*) to=${file#*:} ;; esac
        [ -e "$from" ] || die "no file $from"
        n=$((n + 1))
        cp -aL "$from" "$root/files/$n"
        case $to in /script | /usr/lib/saker-vm/run) chmod 755 "$root/files/$n" ;; esac
        printf '%s %s\n' $n "$to" >>"$root/files/list"
    done
}

# Copies the shared libraries of every program in the guest's root to where the programs look for them.
guest_libraries() {
    local root=$1 program library
    while IFS= read -r -d '' program; do
        [ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || continue
        while read -r library; do
            [ -e "$library" ] || die "$program needs $library, which this machine lacks"
            [ ! -e "$root$library" ] || continue
            mkdir -p "$root$(dirname "$library")"
            cp -L "$library" "$root$library"
        done < <(ldd "$program" 2>/dev/null | grep -o '/[^ ]*')
    done < <(find "$root" -type f -perm -u+x -size +0 -print0)
}

# Puts the wanted modules of the kernel package and what they need into /modules, numbered in loading order.
guest_modules() {
    local root=$1
    [ -n "$modules" ] || return 0
    # Unquoted: module names have no blanks.
    in_chroot forky --bind-ro "$cache/kernel/$kernel:/mnt/kernel" --bind "$root/modules:/mnt/modules" -- bash -c '
        set -euo pipefail
        release=$1
        shift
        n=100
        declare -A seen
        for module; do
            list=$(modprobe -d /mnt/kernel -S "$release" --show-depends "$module")
            while read -r word path _; do
                [ "$word" = insmod ] && [ -z "${seen[$path]:-}" ] || continue
                seen[$path]=1
                name=$(basename "$path")
                case $path in
                    *.xz) xz -dc "$path" >"/mnt/modules/$n-${name%.xz}" ;;
                    *.zst) zstd -qdc "$path" >"/mnt/modules/$n-${name%.zst}" ;;
                    *) cp "$path" "/mnt/modules/$n-$name" ;;
                esac
                n=$((n + 1))
            done <<<"$list"
        done' - "$(kernel_release "$kernel")" $modules || die "the package of $(kernel_release "$kernel") lacks a module of: $modules"
}

# Boots. The guest's console is on standard output and in $work/console, its report (see guest_verdict) in $work/report.
guest_qemu() {
    local work=$1 mebibytes=$2 arguments status=0
    # KVM is not asked for: the same emulation everywhere gives the same results everywhere.
    if [ "$icount" = 1 ]; then
        arguments=(-accel tcg,thread=single -icount shift=0,sleep=off)
    else
        arguments=(-accel tcg,thread=multi)
    fi
    case $(kernel_release "$kernel") in
        # 6.12 does not boot on TCG's idea of a maximal processor.
        6.12.*) arguments+=(-cpu Nehalem,-cx16) ;;
        *) arguments+=(-cpu max) ;;
    esac
    if [ -n "$output" ]; then
        truncate -s 4G "$work/out.img"
        arguments+=(-drive "file=/mnt/work/out.img,format=raw,if=none,id=out,cache=unsafe" -device virtio-blk-pci,drive=out,serial=out)
    fi
    : >"$work/report"
    # Emulated processors stall when the host is busy; that is not the guest's fault, so the watchdogs wait longer and the timer is not tried out.
    # loglevel=4: the console shows errors; the report has the whole log.
    local line="console=ttyS0 panic=-1 oops=panic quiet loglevel=4 no_timer_check rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60"
    [ $system = 0 ] || line+=" systemd.wants=saker-vm.service systemd.getty_auto=no systemd.show_status=no TERM=dumb"
    line+=" $append"
    arguments+=(
        -smp "$cpus" -m "$mebibytes" -nodefaults -no-user-config -display none -no-reboot
        -chardev stdio,id=console,signal=off -serial chardev:console -serial file:/mnt/work/report
        "${disks[@]}" "${qemu[@]}"
    )
    if [ -n "$secure_boot" ]; then
        guest_secure_boot "$work" "$line"
        arguments+=(
            -machine q35,smm=on -global driver=cfi.pflash01,property=secure,value=on
            -drive if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.ms.fd
            -drive if=pflash,unit=1,format=raw,file=/mnt/work/variables
            -drive file=fat:/mnt/work/esp,format=raw,if=none,id=esp,readonly=on -device virtio-blk-pci,drive=esp,bootindex=1
        )
    else
        arguments+=(-machine q35 -kernel /mnt/work/vmlinuz -initrd /mnt/work/initramfs -append "$line")
    fi
    # A time of 0 is no limit.
    mkdir -p "$cache/system"
    in_chroot forky --bind "$work:/mnt/work" --bind-ro "$cache/system:/mnt/system" -- timeout --foreground --kill-after=5 "$timeout" \
        qemu-system-x86_64 "${arguments[@]}" | tee "$work/console" || status=${PIPESTATUS[0]}
    return "$status"
}

# Prepares a boot as on a machine with Secure Boot whose owner has enrolled a key of their own (a MOK): Microsoft's keys in
# the firmware, Debian's signed shim, and kernel, initramfs and command line in one image that is signed with the MOK.
guest_secure_boot() {
    local work=$1 line=$2
    [ -e "$secure_boot/mok.key" ] && [ -e "$secure_boot/mok.pub" ] || die "--secure-boot: no mok.key and mok.pub in $secure_boot"
    in_chroot forky --bind "$work:/mnt/work" --bind-ro "$(cd "$secure_boot" && pwd):/mnt/key" -- sh -euc '
        cd /mnt/work
        # The owner GUID is the one of shim.
        virt-fw-vars --input /usr/share/OVMF/OVMF_VARS_4M.ms.fd --output variables \
            --add-mok 605dab50-e046-4300-abb6-3dd810dd8b23 /mnt/key/mok.pub
        mkdir -p esp/EFI/BOOT
        cp /usr/lib/shim/shimx64.efi.signed esp/EFI/BOOT/BOOTX64.EFI
        openssl x509 -inform der -in /mnt/key/mok.pub -out mok.pem
        # shim starts whatever has this name.
        ukify build --linux=vmlinuz --initrd=initramfs --cmdline="$1" --output=esp/EFI/BOOT/grubx64.efi \
            --secureboot-private-key=/mnt/key/mok.key --secureboot-certificate=mok.pem
        ' - "$line" >"$work/secure-boot.log" 2>&1 || {
        cat "$work/secure-boot.log" >&2
        die "--secure-boot: could not make the boot image"
    }
}

# Hands out what the guest has written to its disk, and its kernel log.
guest_fetch() {
    mkdir -p "$output"
    tar -C "$output" -xf "$1/out.img" 2>/dev/null || say "the guest died before it could hand out /out"
    grep -av '^saker-vm: ' "$1/report" | tr -d '\r' >"$output/kernel.log" || true
}

# guest_verdict WORK STATUS-OF-QEMU: exits with the script's status, or says what is wrong.
# The report, written by vm.d/report.sh to the second serial port, is the whole kernel log and then the lines
# "tainted N" and "exit N".
guest_verdict() {
    local work=$1 status=$2 result taint suspicious=
    [ "$status" != 124 ] || {
        say "the guest was killed after $timeout seconds (--timeout)"
        exit 124
    }
    [ "$status" = 0 ] || {
        say "QEMU failed with status $status"
        exit 125
    }
    result=$(sed -n 's/^saker-vm: exit \([0-9]*\)\r\?$/\1/p' "$work/report" | tail -n 1)
    taint=$(sed -n 's/^saker-vm: tainted \([0-9]*\)\r\?$/\1/p' "$work/report" | tail -n 1)
    # After a panic there is no report, only the console.
    suspicious=$(cat "$work/report" "$work/console" 2>/dev/null | grep -aE -A 40 "$splat" | head -n 200 || true)
    if [ -n "$suspicious" ] && [ $splats = fail ]; then
        say "the kernel log has:"
        printf '%s\n' "$suspicious" >&2
    fi
    [ -n "$result" ] || {
        [ "$timeout" != 0 ] || exit 0
        say "the guest died before its script ended"
        exit 125
    }
    [ "$result" = 0 ] || exit "$result"
    [ $splats = fail ] || exit 0
    [ -z "$suspicious" ] || exit 125
    # Bits 12 and 13: out-of-tree and unsigned module.
    if [ $((taint & ~(1 << 12 | 1 << 13))) != 0 ]; then
        say "the kernel is tainted: $taint (see Documentation/admin-guide/tainted-kernels.rst)"
        exit 125
    fi
    exit 0
}
splat='WARNING: [[:alpha:]]|BUG: |kernel BUG at|Oops|general protection fault|Kernel panic|Call Trace:|self-detected stall|detected stalls|soft lockup|hard LOCKUP|possible recursive locking|possible circular locking|suspicious RCU usage|inconsistent lock state|INFO: task .* blocked|UBSAN:|KASAN:|KCSAN:|refcount_t:|unregister_netdevice: waiting'

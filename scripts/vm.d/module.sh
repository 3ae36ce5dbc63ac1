# Building the kernel module against a kernel's headers, in the chroot. Sourced by scripts/vm.

# module_build [KERNEL] [--source DIR] [--make ARG]…: prints the path of saker.ko.
module_build() {
    local kernel=forky source=$checkout arguments=()
    while [ $# -gt 0 ]; do
        case $1 in
            --source) source=$(cd "$2" && pwd) && shift 2 ;;
            --make) arguments+=("$2") && shift 2 ;;
            -*) die "kmod: unknown option $1" ;;
            *) kernel=$1 && shift ;;
        esac
    done
    kernel_rust "$kernel" || die "kernel $kernel is built without CONFIG_RUST: no module can be built for it"
    [ -e "$source/kmod/Kbuild" ] || die "there is no $source/kmod/Kbuild"
    kernel_setup "$kernel"
    local release out
    release=$(kernel_release "$kernel")
    # Of another source elsewhere: make goes by times, and would take what was made of the one for what is to be made of the other.
    out=$source/target
    [ "$source" != "$checkout" ] || out=${CARGO_TARGET_DIR:-$out}
    out=$out/kmod/$release
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
    with_lock "$(echo "kmod$out" | tr / _)" module_make "$kernel" "$release" "$source" "$out" "${arguments[@]}" >&2
    echo "$out/saker.ko"
}

# The checkout is mounted read only and everything that is made goes to the output directory (make's MO=), so the
# module's `#[path = "../probe/…"]` hold and the tree stays clean.
module_make() {
    local kernel=$1 release=$2 source=$3 out=$4
    shift 4
    [ "$kernel" != debug ] || { debug_module "$source" "$out" "$@"; return; }
    in_chroot "$(kernel_chroot "$kernel")" --bind-ro "$source:/mnt/source" --bind "$out:/mnt/out" -- \
        make -j"$(nproc)" -C "/lib/modules/$release/build" M=/mnt/source/kmod MO=/mnt/out "$@" modules 2>&1 |
        sed "s,/mnt/source/,$source/,g"
}

# module_dkms [KERNEL] [--source DIR] [--from-scratch]: the whole life of the package under DKMS. It is added, built,
# signed (with the key that DKMS makes for itself) and installed on a layer over the chroot that has the kernel's modules,
# as an operator's machine has; guests with and without Secure Boot load and unload what was installed; it is removed and
# must leave nothing.
module_dkms() {
    local kernel=forky source=$checkout scratch=0
    while [ $# -gt 0 ]; do
        case $1 in
            --source) source=$(cd "$2" && pwd) && shift 2 ;;
            --from-scratch) scratch=1 && shift ;;
            -*) die "dkms: unknown option $1" ;;
            *) kernel=$1 && shift ;;
        esac
    done
    kernel_rust "$kernel" || die "kernel $kernel is built without CONFIG_RUST: no module can be built for it"
    [ "$kernel" != debug ] || die "the debug kernel comes from no package that DKMS knows"
    [ -e "$source/kmod/Kbuild" ] || die "there is no $source/kmod/Kbuild"
    kernel_setup "$kernel"
    local release work chroot
    release=$(kernel_release "$kernel")
    chroot=$(kernel_chroot "$kernel")
    # Beside the chroots: an overlay's layers must not lie on a tmpfs that the machine may have at /tmp.
    work=$(mktemp -d "$cache/dkms.XXXXXX")
    # shellcheck disable=SC2064  # the value of now is meant
    trap "rm -rf '$work'" EXIT
    mkdir "$work/source" "$work/installed"
    cp -a "$checkout"/{dkms,Cargo.toml} "$source"/{kmod,probe} "$work/source/"
    [ $scratch = 1 ] || {
        mkdir -p "$work/layer/changes/var/cache/saker/rust-metadata"
        cp -a "$cache/rust-metadata/$release" "$work/layer/changes/var/cache/saker/rust-metadata/"
    }

    say "dkms add, build, install for $release"
    in_chroot "$chroot" --layer "$work/layer" --bind-ro "$cache/kernel/$kernel/lib/modules/$release:/mnt/modules" \
        --bind-ro "$work/source:/mnt/source" --bind "$work/installed:/mnt/installed" -- bash -c '
        set -euo pipefail
        release=$1
        cp -a --update=none /mnt/modules/. "/lib/modules/$release/"
        # As on a machine where nothing was built yet.
        rm -f "/lib/modules/$release/build/rust" "$(readlink -f "/lib/modules/$release/build/scripts")/target.json"
        /mnt/source/dkms/install "$release" || { cat /var/lib/dkms/saker/*/build/make.log; exit 1; }
        dkms status saker | grep "$release.*: installed"
        file=$(modinfo -k "$release" -F filename saker)
        signer=$(modinfo -k "$release" -F signer saker)
        [ -n "$signer" ] || { echo "$file is not signed"; exit 1; }
        echo "$file is signed by $signer"
        case $file in
            *.xz) xz -dc "$file" >/mnt/installed/saker.ko ;;
            *.zst) zstd -qdc "$file" >/mnt/installed/saker.ko ;;
            *) cp "$file" /mnt/installed/saker.ko ;;
        esac
        cp /mnt/installed/saker.ko /mnt/installed/unsigned.ko
        strip --strip-debug --keep-section=.BTF /mnt/installed/unsigned.ko
        cp /var/lib/dkms/mok.key /var/lib/dkms/mok.pub /mnt/installed/' - "$release"

    say "loading and unloading what was installed, in the guest"
    cat >"$work/load" <<'SCRIPT'
insmod /saker.ko || exit 1
grep '^saker ' /proc/modules || exit 1
rmmod saker || exit 1
SCRIPT
    "$here/vm" run --kernel "$kernel" "$work/load" "$work/installed/saker.ko"

    say "the same under Secure Boot with the key of DKMS enrolled; an unsigned module is refused"
    cat >"$work/load-secure" <<'SCRIPT'
grep -F '[integrity]' /sys/kernel/security/lockdown || exit 1
! insmod /unsigned.ko || exit 1
insmod /saker.ko || exit 1
grep '^saker .*(O)' /proc/modules || exit 1
rmmod saker || exit 1
SCRIPT
    "$here/vm" run --kernel "$kernel" --secure-boot "$work/installed" "$work/load-secure" "$work"/installed/{saker,unsigned}.ko

    say "dkms remove"
    in_chroot "$chroot" --layer "$work/layer" --bind-ro "$work/source:/mnt/source" -- bash -c '
        set -euo pipefail
        release=$1
        /mnt/source/dkms/install --remove
        left=$(dkms status saker)
        ! modinfo -k "$release" saker >/dev/null 2>&1 || left+=" module"
        for file in "/lib/modules/$release/build/"{rust,scripts/target.json} /var/cache/saker/rust-metadata/*/ /usr/src/saker-*; do
            [ ! -e "$file" ] || left+=" $file"
        done
        [ -z "$left" ] || { echo "left behind: $left"; exit 1; }' - "$release"
    say "dkms: $release passed"
}

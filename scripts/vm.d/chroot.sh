# The Debian chroots: how they are made, entered and given packages. Sourced by scripts/vm.

# Holds the lock NAME (exclusive) while the rest runs, so that two runs at once wait for each other.
with_lock() {
    local name=$1 lock
    shift
    exec {lock}>"$cache/lock/$name"
    if ! flock --nonblock "$lock"; then
        say "waiting for another scripts/vm ($name)"
        flock "$lock"
    fi
    "$@"
    exec {lock}>&-
}

# logged NAME COMMAND…: runs a long, talkative step; shows the end of its log only when it fails.
logged() {
    local log=$cache/log/$1
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "the step '${log##*/}' failed; the end of its output is above, all of it in $log (packages come from $(mirror))"
    fi
}

# The Debian archive that this machine itself uses. The address is never written down in the project.
mirror() {
    [ -z "${SAKER_MIRROR:-}" ] || {
        echo "$SAKER_MIRROR"
        return
    }
    # Before the first `apt-get update` apt does not know yet whose archive it is.
    local uri
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1)
    [ -n "$uri" ] || uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -E '/debian/?$' | head -n 1)
    [ -n "$uri" ] || die "found no Debian mirror among this machine's apt sources; name one: SAKER_MIRROR=http://…/debian"
    echo "${uri%/}"
}

# Makes sure of the programs of the host that the scripts use.
host_packages() {
    local missing=()
    command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]} on this machine"
    logged host-packages bash -c 'apt-get -qq update -o Acquire::Check-Valid-Until=false &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"' - "${missing[@]}"
}

# What Kbuild asks of a machine that builds a Rust module; the kernel's own C compiler comes with its headers. And what
# boots guests, in forky alone: QEMU before 10 oopses guests when system call tracepoints are toggled on several processors.
build_packages='make gcc libc6-dev rustc rust-src bindgen clang libclang-dev pahole python3-minimal perl xz-utils zstd kmod openssl dkms'
guest_packages='qemu-system-x86 seabios busybox-static cpio'
secure_boot_packages='ovmf shim-signed python3-virt-firmware systemd-ukify systemd-boot-efi sbsigntool'

chroot_packages() {
    case $1 in
        forky) echo "$build_packages $guest_packages $secure_boot_packages" ;;
        trixie) echo "$build_packages" ;;
    esac
}

# Makes the chroot NAME (forky or trixie) unless it is there with all its packages.
chroot_setup() { chroot_ready "$1" || with_lock "chroot-$1" chroot_make "$1"; }

chroot_ready() { [ "$(cat "$cache/chroot/$1/etc/saker-packages" 2>/dev/null)" = "$(chroot_packages "$1")" ]; }

chroot_make() {
    local name=$1 root=$cache/chroot/$1 new=$cache/chroot/.$1.new suites source sources=() pins= uri packages
    ! chroot_ready "$name" || return 0
    packages=$(chroot_packages "$name")
    if [ -e "$root" ]; then
        say "adding packages to the $name chroot"
        # Unquoted: package names have no blanks.
        logged "chroot-$name" in_chroot "$name" -- sh -euc 'apt-get -qq update && apt-get -qq install -y "$@" && apt-get clean' - $packages
        echo "$packages" >"$root/etc/saker-packages"
        return 0
    fi
    host_packages
    uri=$(mirror)
    case $name in
        forky)
            # The older suites are there for their kernel images only.
            suites='forky trixie bookworm'
            pins=$'Package: *\nPin: release n=trixie\nPin-Priority: 1\n\nPackage: *\nPin: release n=bookworm\nPin-Priority: 1\n'
            ;;
        trixie) suites='trixie trixie-backports' ;;
    esac
    for source in $suites; do
        sources+=("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $source main")
    done
    say "making the $name chroot (about two minutes)"
    rm -rf --one-file-system "$new"
    logged "chroot-$name" mmdebstrap --variant=apt --include="${packages// /,}" \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\"; printf '%s' '$pins' >\"\$1/etc/apt/preferences.d/suites\"" \
        "$name" "$new" "${sources[@]}"
    echo "$packages" >"$new/etc/saker-packages"
    mv "$new" "$root"
}

# in_chroot NAME [--layer DIR] [--bind DIR:/mnt/X | --bind-ro DIR:/mnt/X]… -- COMMAND…: runs COMMAND in the chroot.
# With --layer everything that COMMAND changes is kept in DIR and the chroot stays as it is.
# The mounts live in a mount namespace of their own, so they go with the command, however it ends.
in_chroot() {
    local root=$cache/chroot/$1 layer= binds=()
    shift
    while [ "$1" != -- ]; do
        case $1 in
            --layer) layer=$2 ;;
            *) binds+=("$1" "$2") ;;
        esac
        shift 2
    done
    shift
    unshare --mount --propagation private -- bash -c '
        set -euo pipefail
        root=$1 layer=$2 metadata=$3
        shift 3
        if [ -n "$layer" ]; then
            mkdir -p "$layer"/{changes,work,root}
            mount -t overlay overlay -o "lowerdir=$root,upperdir=$layer/changes,workdir=$layer/work" "$layer/root"
            root=$layer/root
        fi
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/tmp"
        mount -t tmpfs tmpfs "$root/mnt"
        mkdir -p "$root/var/cache/saker/rust-metadata"
        # A layer has its own.
        [ -n "$layer" ] || mount --bind "$metadata" "$root/var/cache/saker/rust-metadata"
        touch "$root/etc/resolv.conf"
        mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
        while [ "$1" != -- ]; do
            from=${2%:*} to=$root${2##*:}
            if [ -d "$from" ]; then mkdir -p "$to"; else touch "$to"; fi
            mount --bind "$from" "$to"
            [ "$1" != --bind-ro ] || mount -o remount,bind,ro "$to"
            shift 2
        done
        shift
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
            ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
            DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
    ' - "$root" "$layer" "$cache/rust-metadata" "${binds[@]}" -- "$@"
}

# The Debian system that guests boot with systemd (run --system): its image, made once, and how a guest gets into it. Sourced by scripts/vm.

# What is in the image: what a small server has, and what builds modules and containers.
system_packages='systemd-sysv dbus udev kmod procps psmisc iproute2 python3 curl jq ca-certificates less rsyslog logrotate
    apt-utils make gcc libc6-dev podman crun netavark busybox-static e2fsprogs libpam-systemd openssh-client strace'

# What lies in a package archive of its own in the image, /srv/archive/new, with all that it needs and the image lacks: a guest has no
# network. /srv/archive/old has the first ones as trixie has them, to be upgraded from there; apt takes packages from /srv/archive/now,
# which is one of the two.
system_archive_old='cron cron-daemon-common rsync sudo nano bsdextrautils'
system_archive_new="$system_archive_old openssh-server openssh-sftp-server nginx postgresql sqlite3 apache2-utils"
# Those of the image that are installed once more, as an upgrade does.
system_archive_again='systemd libsystemd0 libsystemd-shared udev libudev1 libpam-systemd systemd-sysv libpam-runtime passwd login libc-bin base-files dbus logrotate rsyslog'

system_recipe() {
    { cat "$here/vm.d/system.sh" && kernel_release forky; } | sha256sum | cut -c1-16
}

system_ready() { [ "$(cat "$cache/system/recipe" 2>/dev/null)" = "$(system_recipe)" ]; }

system_setup() {
    kernel_setup forky
    system_ready || with_lock system system_make
}

# Makes system/root.ext4: Debian forky, with the headers of the forky kernel and the archives.
system_make() {
    local new=$cache/.system.new packages uri suite sources=() pins
    ! system_ready || return 0
    host_packages
    uri=$(mirror)
    for suite in forky trixie; do
        sources+=("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main")
    done
    pins=$'Package: *\nPin: release n=trixie\nPin-Priority: 1\n'
    packages=$(tr -s ' \n' , <<<"$system_packages linux-headers-$(kernel_release forky)")
    say "making the Debian system for guests (about five minutes)"
    rm -rf --one-file-system "$new"
    mkdir -p "$new"
    logged system mmdebstrap --variant=minbase --include="${packages%,}" \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\"; printf '%s' '$pins' >\"\$1/etc/apt/preferences.d/suites\"" \
        --customize-hook='rm "$1/etc/apt/preferences.d/suites"' \
        forky "$new/root" "${sources[@]}"
    logged system-archive system_archive "$new/root" "$uri"
    logged system-image system_image "$new"
    system_recipe >"$new/recipe"
    rm -rf --one-file-system "$new/root" "$cache/system"
    mv "$new" "$cache/system"
}

# Puts the archives into the system at ROOT.
system_archive() { # ROOT URI
    local root=$1 uri=$2
    printf 'deb [trusted=yes] %s forky main\ndeb [trusted=yes] %s trixie main\n' "$uri" "$uri" >"$root/etc/apt/sources.list"
    rm -f "$root"/etc/apt/sources.list.d/*
    cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        DEBIAN_FRONTEND=noninteractive chroot "$root" bash -euxc '
        old=$1 new=$2 again=$3
        get() { apt-get -qq -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false "$@"; }
        get update
        mkdir -p /srv/archive/old /srv/archive/new
        cd /srv/archive/old
        for package in $old; do get download "$package/trixie"; done
        cd /srv/archive/new
        get install -y --download-only --no-install-recommends $new
        mv /var/cache/apt/archives/*.deb .
        for package in $again; do get download "$package/forky"; done
        for archive in old new; do
            cd /srv/archive/$archive
            apt-ftparchive packages . >Packages
        done
        ln -s old /srv/archive/now
        apt-get clean
        rm -rf /var/lib/apt/lists/*' - "$system_archive_old" "$system_archive_new" "$system_archive_again"
    : >"$root/etc/apt/sources.list"
    echo 'deb [trusted=yes] file:/srv/archive/now ./' >"$root/etc/apt/sources.list.d/archive.list"
}

# Settles what a first boot would ask for, and makes the image.
system_image() { # DIRECTORY
    local root=$1/root size
    echo saker-vm >"$root/etc/hostname"
    printf '127.0.0.1 localhost saker-vm\n::1 localhost\n' >"$root/etc/hosts"
    echo '/dev/disk/by-id/virtio-root / ext4 defaults 0 1' >"$root/etc/fstab"
    rm -f "$root/etc/resolv.conf"
    # A person who may log in and use sudo, and a job for cron, as an owner has made them long ago.
    chroot "$root" sh -euc '
        useradd -m -s /bin/bash -G sudo admin
        install -d -m 700 -o admin -g admin /home/admin/.ssh
        su admin -c "ssh-keygen -q -t ed25519 -N \"\" -f /home/admin/.ssh/id_ed25519"
        install -m 600 -o admin -g admin /home/admin/.ssh/id_ed25519.pub /home/admin/.ssh/authorized_keys
        install -d -m 750 /etc/sudoers.d
        echo "admin ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/admin
        chmod 440 /etc/sudoers.d/admin
        install -d /etc/cron.d
        printf "#!/bin/sh\nfind /var/log -name \"*.log\" -size +1M -print\ndf -h / | tail -n 1\ndate >/var/lib/report\n" >/usr/local/sbin/report
        chmod 755 /usr/local/sbin/report
        echo "* * * * * root /usr/local/sbin/report >/dev/null" >/etc/cron.d/report'
    # A machine that has booted before.
    tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
    size=$(($(du -sm "$root" | cut -f1) * 5 / 4 + 2048))
    mke2fs -q -t ext4 -L root -d "$root" "$1/root.ext4" "${size}M"
}

# system_disks WORK: sets `disks`, the arguments for QEMU that bring the system and the kernel's modules. Neither keeps what a guest writes.
system_disks() {
    local release
    release=$(kernel_release "$kernel")
    mke2fs -q -t ext4 -L modules -d "$cache/kernel/$kernel/lib/modules" "$1/modules.ext4" \
        "$(($(du -sm "$cache/kernel/$kernel/lib/modules" | cut -f1) * 5 / 4 + 256))M"
    disks=(
        -drive "file=/mnt/system/root.ext4,format=raw,if=none,id=root,cache=unsafe,snapshot=on" -device virtio-blk-pci,drive=root,serial=root
        -drive "file=/mnt/work/modules.ext4,format=raw,if=none,id=modules,cache=unsafe" -device virtio-blk-pci,drive=modules,serial=modules
        -object rng-random,filename=/dev/urandom,id=rng -device virtio-rng-pci,rng=rng
    )
}

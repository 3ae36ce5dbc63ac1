# The kernels: which one is a suite's newest, its image and modules, its headers and Rust metadata. Sourced by scripts/vm.

# kernel, suite, chroot that knows the suite, whether modules in Rust can be built for it
kernel_table='
forky     forky            forky  rust
backports trixie-backports trixie rust
trixie    trixie           forky  -
bookworm  bookworm         forky  -
debug     forky            forky  rust
'

# One column of the table's row for a kernel.
kernel_column() {
    awk -v name="$1" -v column="$2" '$1 == name { print $column; found = 1 } END { exit !found }' <<<"$kernel_table" ||
        die "no kernel named '$1'; there are: $(awk 'NF { printf "%s ", $1 }' <<<"$kernel_table")"
}
kernel_suite() { kernel_column "$1" 2; }
kernel_chroot() { kernel_column "$1" 3; }
kernel_rust() { [ "$(kernel_column "$1" 4)" = rust ]; }
kernel_release() { cat "$cache/kernel/$1/release"; }

kernel_list() {
    local name
    for name in $(awk '{ print $1 }' <<<"$kernel_table"); do
        [ -e "$cache/kernel/$name/release" ] || continue
        printf '%-10s %s\n' "$name" "$(kernel_release "$name")"
    done
}

kernel_setup() {
    kernel_column "$1" 1 >/dev/null
    # QEMU lives in the forky chroot.
    chroot_setup forky
    chroot_setup "$(kernel_chroot "$1")"
    if [ "$1" = debug ]; then
        debug_ready || with_lock debug debug_make
        return
    fi
    kernel_ready "$1" || with_lock "chroot-$(kernel_chroot "$1")" kernel_make "$1" if-missing
}

kernel_ready() {
    [ -e "$cache/kernel/$1/release" ] || return 1
    ! kernel_rust "$1" || [ -e "$cache/rust-metadata/$(kernel_release "$1")/target.json" ]
}

kernel_update() {
    kernel_setup "$1"
    # The debug kernel has no suite of its own; `setup` makes it anew after its recipe has changed.
    [ "$1" != debug ] || return 0
    with_lock "chroot-$(kernel_chroot "$1")" kernel_make "$1" newest
}

# kernel_make KERNEL if-missing|newest: fetches and unpacks the newest kernel of the suite.
kernel_make() {
    local name=$1 chroot release version new=$cache/kernel/.$1.new debs
    [ "$2" = newest ] || ! kernel_ready "$name" || return 0
    chroot=$(kernel_chroot "$name")
    logged "update-$chroot" in_chroot "$chroot" -- apt-get -qq update
    read -r release version < <(kernel_newest "$name")
    ! kernel_ready "$name" || [ "$release" != "$(kernel_release "$name")" ] || return 0

    say "fetching kernel $release"
    rm -rf "$new"
    mkdir -p "$new/debs"
    # Some suites have the image and the modules in one package, some in three.
    debs=$(in_chroot "$chroot" -- apt-cache pkgnames linux- |
        grep -xF -e "linux-image-$release" -e "linux-binary-$release" -e "linux-modules-$release" -e "linux-base-$release")
    # Unquoted: package names have no blanks.
    logged "image-$name" in_chroot "$chroot" --bind "$new/debs:/mnt/debs" -- sh -euc '
        cd /mnt/debs
        version=$1
        shift
        for package; do apt-get -qq download -o APT::Sandbox::User=root "$package=$version"; done' - "$version" $debs
    local deb
    for deb in "$new"/debs/*.deb; do dpkg-deb -x "$deb" "$new/tree"; done
    kernel_arrange "$new" "$release"
    in_chroot forky --bind "$new:/mnt/kernel" -- depmod -b /mnt/kernel "$release"

    if kernel_rust "$name"; then
        say "installing the headers of $release"
        logged "headers-$name" in_chroot "$chroot" -- sh -euc 'apt-get -qq install -y "$@" && apt-get clean' - \
            "linux-headers-$release=$version" "$(kernel_source_package "$release")=$version"
        kernel_metadata "$name" "$release"
    fi
    echo "$release" >"$new/release"
    with_lock kernel-files kernel_swap "$new" "$cache/kernel/$name"
    say "kernel $name is $release"
}

kernel_swap() {
    rm -rf "$2"
    mv "$1" "$2"
}

# Moves what the guest and the tests need out of the unpacked packages: vmlinuz, config, System.map, lib/modules.
kernel_arrange() {
    local new=$1 release=$2 file found
    for file in vmlinuz config System.map; do
        found=$(find "$new/tree" -type f \( -name "$file-$release" -o -path "*/modules/$release/$file" \) | head -n 1)
        [ -z "$found" ] || mv "$found" "$new/$file"
    done
    [ -e "$new/vmlinuz" ] || die "the packages of $release hold no vmlinuz"
    mkdir -p "$new/lib/modules"
    found=$(find "$new/tree" -type d -path "*/lib/modules/$release" | head -n 1)
    mv "$found" "$new/lib/modules/"
    rm -rf "$new/tree" "$new/debs"
}

# 7.2.12+deb14-cloud-amd64 -> linux-source-7.2
kernel_source_package() { sed -E 's/^([0-9]+\.[0-9]+).*/linux-source-\1/' <<<"$1"; }

# Prints release and package version of the newest cloud kernel of the suite. For Rust, the headers and the source
# must be there in the very same version: suites move on at different times for different packages.
kernel_newest() {
    local name=$1 kind=image suite
    suite=$(kernel_suite "$name")
    ! kernel_rust "$name" || kind=headers
    in_chroot "$(kernel_chroot "$name")" -- bash -c '
        set -euo pipefail
        suite=$1 kind=$2
        # package | version | archive suite/main amd64 Packages
        in_suite() { apt-cache madison "$@" | awk -F " *[|] *" -v suite=" $suite/" "index(\$3, suite) { sub(/^ */, \"\", \$1); print \$1, \$2 }"; }
        in_suite $(apt-cache pkgnames linux-$kind- | grep -E "^linux-$kind-[0-9].*-cloud-amd64$") | sort -rV |
        while read -r package version; do
            release=${package#linux-$kind-}
            if [ $kind = headers ]; then
                source=linux-source-$(cut -d. -f1,2 <<<"$release")
                in_suite "$source" | grep -qxF "$source $version" || continue
                in_suite "linux-image-$release" | grep -qxF "linux-image-$release $version" || continue
            fi
            echo "$release $version"
            exit
        done' - "$suite" "$kind" | grep . ||
        die "the mirror has no cloud-amd64 kernel in $suite whose image, headers and linux-source have one version"
}

# Makes the kernel's Rust metadata in the chroot, with the same script that DKMS runs on an operator's machine.
kernel_metadata() {
    local name=$1 release=$2
    [ -e "$cache/rust-metadata/$release/target.json" ] || say "making the Rust metadata of $release (about three minutes)"
    logged "rust-metadata-$name" in_chroot "$(kernel_chroot "$name")" --bind-ro "$checkout/dkms:/mnt/dkms" -- \
        /mnt/dkms/rust-metadata "$release" "/lib/modules/$release/build"
}

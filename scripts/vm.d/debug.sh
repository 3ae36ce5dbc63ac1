# The debug kernel: built here from Debian's source of the forky kernel, with the checks of debug.config. Sourced by scripts/vm.

# What building a kernel with LLVM needs beyond what the chroot has.
debug_packages='flex bison bc lld llvm libelf-dev libssl-dev cpio'

# What the kernel is built from: another one makes it again.
debug_recipe() { sha256sum "$here/vm.d/debug.config" "$here/vm.d/debug.sh" | sha256sum | cut -c1-16; }

debug_ready() { [ "$(cat "$cache/kernel/debug/recipe" 2>/dev/null)" = "$(debug_recipe)" ]; }

# The forky chroot with those packages, in a layer of their own: nothing else needs them.
in_debug_chroot() { in_chroot forky --layer "$cache/debug-tools" "$@"; }

# Makes it, on top of the chroot and the source that kernel forky has.
debug_make() {
    local new=$cache/kernel/.debug.new source release
    ! debug_ready || return 0
    kernel_setup forky
    source=$(kernel_source_package "$(kernel_release forky)")
    rm -rf "$new"
    mkdir -p "$new/build"
    say "building the debug kernel from $source (ten to forty minutes)"
    cp "$here/vm.d/debug.config" "$new/fragment"
    logged debug-tools in_debug_chroot -- sh -euc 'apt-get -qq update && apt-get -qq install -y "$@" && apt-get clean' - $debug_packages
    logged debug-kernel in_debug_chroot --bind "$new:/mnt/new" -- bash -euc '
        source=$1
        cd /mnt/new
        tar -xf "/usr/src/$source.tar.xz" -C build --strip-components=1
        cd build
        make LLVM=1 rustavailable
        make LLVM=1 KCONFIG_ALLCONFIG=/mnt/new/fragment allnoconfig
        # An option that a newer kernel has renamed would be missing in silence.
        missing=0
        while read -r line; do
            grep -qxF "$line" .config || { echo "the kernel has no longer: $line"; missing=1; }
        done < <(grep "^CONFIG_.*=" /mnt/new/fragment)
        [ $missing = 0 ]
        make LLVM=1 -j"$(nproc)" bzImage modules
        release=$(make -s LLVM=1 kernelrelease)
        make LLVM=1 INSTALL_MOD_PATH=/mnt/new modules_install
        rm -f "/mnt/new/lib/modules/$release/build"
        cp arch/x86/boot/bzImage ../vmlinuz
        cp .config ../config
        cp System.map ../System.map
        echo "$release" >../release
        # Modules are built against headers, scripts, objtool and the crates, not against objects.
        find . -name "*.o" ! -path "./scripts/*" ! -path "./tools/*" -delete
        find . \( -name "*.a" -o -name "*.cmd" \) ! -path "./scripts/*" ! -path "./tools/*" ! -path "./rust/*" -delete
        rm -f vmlinux vmlinux.unstripped arch/x86/boot/compressed/vmlinux*' - "$source"
    debug_recipe >"$new/recipe"
    with_lock kernel-files kernel_swap "$new" "$cache/kernel/debug"
    say "kernel debug is $(kernel_release debug)"
}

# debug_module SOURCE OUT [MAKE ARGUMENT]…: builds SOURCE/kmod for it.
debug_module() {
    local source=$1 out=$2
    shift 2
    in_debug_chroot --bind "$cache/kernel/debug/build:/mnt/build" --bind-ro "$source:/mnt/source" --bind "$out:/mnt/out" -- \
        make -j"$(nproc)" -C /mnt/build LLVM=1 M=/mnt/source/kmod MO=/mnt/out "$@" modules 2>&1 | sed "s,/mnt/source/,$source/,g"
}

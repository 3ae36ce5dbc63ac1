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
    out=${CARGO_TARGET_DIR:-$checkout/target}/kmod/$release
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
    in_chroot "$(kernel_chroot "$kernel")" --bind-ro "$source:/mnt/source" --bind "$out:/mnt/out" -- \
        make -j"$(nproc)" -C "/lib/modules/$release/build" M=/mnt/source/kmod MO=/mnt/out "$@" modules 2>&1 |
        sed "s,/mnt/source/,$source/,g"
}

# The end of a guest's run, sourced by its first process (init.sh) or its service (system-run.sh): hands /out over and writes the report
# that scripts/vm.d/guest.sh reads. `result` is the status of the script.

# With --output there is a disk with this serial number.
disk=$(grep -lx out /sys/block/*/serial 2>/dev/null | cut -d/ -f4)
if [ -n "$disk" ]; then
    tar -C /out -c . | dd of="/dev/$disk" bs=1M 2>/dev/null || {
        echo "saker-vm: cannot write /out to $disk"
        result=125
    }
    sync
fi
{
    dmesg
    echo "saker-vm: tainted $(cat /proc/sys/kernel/tainted)"
    echo "saker-vm: exit $result"
} >/dev/ttyS1

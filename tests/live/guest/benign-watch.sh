# Runs in the guest of benign.sh, early in its boot: what watches the work.
driver=$(cat /drivers)
mkdir -p /out
if [ "$driver" = kmod ]; then
    # The other watcher may have been faster.
    insmod /saker.ko 2>/dev/null
    until [ -e /dev/saker ]; do sleep 0.1; done
fi
case $1 in
    detect) exec saker run -r /rules --driver "$driver" --rule-matching all --json >/out/alerts ;;
    record) exec saker record -w /out/benign.scap --driver "$driver" ;;
esac

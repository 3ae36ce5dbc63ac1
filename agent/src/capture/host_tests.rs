//! Hosts that never were, and what is said of them.

use super::*;

/// A host of these files.
fn host(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Host) {
    let root = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let host = Host::new(root.path());
    (root, host)
}

fn check(host: &Host, name: &str) -> (Verdict, String) {
    let check = host.checks(8 << 20).into_iter().find(|check| check.name == name).unwrap();
    assert!(check.verdict == Verdict::Good || check.remedy.is_some(), "{name}: what to do is not said");
    (check.verdict, check.found)
}

#[test]
fn a_host_of_which_nothing_is_known_breaks_nothing() {
    let (_root, host) = host(&[]);
    assert_eq!(host.checks(8 << 20).len(), 12);
    assert_eq!(check(&host, "kernel").0, Verdict::Bad);
    assert_eq!(check(&host, "permissions").0, Verdict::Bad);
    assert_eq!(check(&host, "cgroups"), (Verdict::Partly, "none mounted".into()));
}

#[test]
fn permissions_are_those_that_are_needed() {
    let status =
        |capabilities: &str| format!("Name:\tx\nCapEff:\t{capabilities}\nSeccomp:\t0\n").into_bytes();
    let of = |capabilities: &str| host(&[("proc/self/status", &status(capabilities))]);
    let (_root, all) = of("000001ffffffffff");
    assert_eq!(check(&all, "permissions").0, Verdict::Good);
    assert!(all.what_forbids_ebpf().contains("security module"));
    let (_root, none) = of("0000000000000000");
    let (verdict, found) = check(&none, "permissions");
    assert!(verdict == Verdict::Bad && found.contains("CAP_BPF (to load eBPF programs)"), "{found}");
    assert!(none.what_forbids_ebpf().contains("run it as root"));
    // CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH; then CAP_BPF and CAP_PERFMON instead of the first.
    for capabilities in ["0000000000200004", "000000c000000004"] {
        let (_root, enough) = of(capabilities);
        let (verdict, found) = check(&enough, "permissions");
        assert!(
            verdict == Verdict::Partly && found.contains("CAP_SYS_PTRACE") && !found.contains("CAP_BPF"),
            "{found}"
        );
        assert!(!enough.what_forbids_ebpf().contains("root"));
    }
}

#[test]
fn seccomp_and_lockdown_are_named() {
    let status: &[u8] = b"CapEff:\t000001ffffffffff\nSeccomp:\t2\n";
    let (_root, filtered) = host(&[("proc/self/status", status)]);
    assert_eq!(check(&filtered, "seccomp").0, Verdict::Partly);
    assert!(filtered.what_forbids_ebpf().contains("seccomp=unconfined"));
    let lockdown = "sys/kernel/security/lockdown";
    for (text, expected) in [
        ("[none] integrity confidentiality", Lockdown::None),
        ("none [integrity] confidentiality", Lockdown::Integrity),
        ("none integrity [confidentiality]", Lockdown::Confidentiality),
    ] {
        let (_root, locked) = host(&[("proc/self/status", status), (lockdown, text.as_bytes())]);
        assert_eq!(locked.lockdown(), expected);
        let forbids = locked.what_forbids_ebpf().contains("lockdown=integrity");
        assert_eq!(forbids, expected == Lockdown::Confidentiality);
    }
}

#[test]
fn secure_boot_is_the_fifth_byte() {
    let (_root, on) = host(&[(SECURE_BOOT, &[6, 0, 0, 0, 1])]);
    let (_root, off) = host(&[(SECURE_BOOT, &[6, 0, 0, 0, 0])]);
    let (_root, short) = host(&[(SECURE_BOOT, &[6])]);
    assert_eq!([on.secure_boot(), off.secure_boot(), short.secure_boot()], [Some(true), Some(false), None]);
}

#[test]
fn a_refused_module_is_explained() {
    let modprobe = |reason: &str| format!("modprobe: ERROR: could not insert 'saker': {reason}");
    let (_root, plain) = host(&[]);
    let lockdown: &[u8] = b"none [integrity] confidentiality";
    let (_root, locked) = host(&[("sys/kernel/security/lockdown", lockdown)]);
    let (_root, closed) = host(&[("proc/sys/kernel/modules_disabled", b"1\n")]);
    for (host, reason, expected) in [
        (&plain, "Key was rejected by service", "mokutil --import"),
        (&plain, "Operation not permitted", "CAP_SYS_MODULE"),
        (&locked, "Operation not permitted", "lockdown"),
        (&closed, "Operation not permitted", "modules_disabled"),
        (&plain, "Exec format error", "dkms autoinstall"),
        (&plain, "Cannot allocate memory", "dmesg"),
    ] {
        let (what, remedy) = host.why_no_module(&modprobe(reason));
        assert!(what.contains(reason) && remedy.contains(expected), "{reason}: {remedy}");
    }
}

#[test]
fn kernels_that_were_not_tried_are_told() {
    for (release, verdict) in [
        ("5.4.0-generic", Verdict::Bad),
        ("5.15.0", Verdict::Partly),
        ("6.1.0-50-cloud-amd64", Verdict::Good),
        ("7.2.12+deb14", Verdict::Good),
    ] {
        let (_root, host) = host(&[("proc/sys/kernel/osrelease", release.as_bytes())]);
        assert_eq!(check(&host, "kernel").0, verdict, "{release}");
    }
}

#[test]
fn rings_are_for_every_cpu_that_can_be() {
    let (_root, host) = host(&[
        ("sys/devices/system/cpu/possible", b"0-7\n"),
        ("proc/meminfo", b"MemTotal: 9 kB\nMemAvailable: 131072 kB\n"),
    ]);
    assert_eq!(check(&host, "rings"), (Verdict::Partly, "8 of 8 MiB: 64 MiB of 128 MiB available".into()));
}

#[test]
fn cgroups_are_looked_for_in_the_mounts() {
    let mounts: &[u8] = b"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    let (_root, host) = host(&[("proc/self/mountinfo", mounts)]);
    assert_eq!(check(&host, "cgroups"), (Verdict::Good, "version 2 at /sys/fs/cgroup".into()));
}

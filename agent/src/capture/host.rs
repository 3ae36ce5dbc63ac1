//! What this host allows a live sensor: permissions, lockdown, the kernel's types, where things are mounted. Looked at before a
//! driver is taken (`saker doctor`), and to explain why one was refused.

use std::fs;
use std::path::{Path, PathBuf};

/// Capabilities by their bit, as `include/uapi/linux/capability.h` has them, and what each is needed for.
const CAPABILITIES: &[(u32, &str, &str)] = &[
    (2, "CAP_DAC_READ_SEARCH", "to read the tracepoints' descriptions"),
    (19, "CAP_SYS_PTRACE", "to read from /proc what processes of others have open"),
    (38, "CAP_PERFMON", "to attach to tracepoints"),
    (39, "CAP_BPF", "to load eBPF programs"),
];
/// `CAP_SYS_ADMIN`, which stands for `CAP_PERFMON` and `CAP_BPF`.
const ADMIN: u32 = 21;
/// `/proc/self/ns/cgroup` of the initial namespace (`PROC_CGROUP_INIT_INO`).
pub(super) const INITIAL_CGROUP_NAMESPACE: u64 = 0xefff_fffb;
/// Where UEFI says whether Secure Boot is on: four bytes of attributes, then 1 or 0.
const SECURE_BOOT: &str = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// How a check came out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Something is missing that can be done without.
    Partly,
    /// Nothing works without it.
    Bad,
}

impl Verdict {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Good => "ok",
            Verdict::Partly => "note",
            Verdict::Bad => "FAIL",
        }
    }
}

/// One thing about the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What would help, where something is missing.
    pub remedy: Option<String>,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, found: impl Into<String>) -> Check {
        Check { name, verdict, found: found.into(), remedy: None }
    }

    fn good(name: &'static str, found: impl Into<String>) -> Check {
        Check::new(name, Verdict::Good, found)
    }

    fn remedy(self, remedy: impl Into<String>) -> Check {
        Check { remedy: Some(remedy.into()), ..self }
    }
}

/// How far the kernel keeps even root from itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lockdown {
    /// Not at all.
    None,
    /// Root cannot change it.
    Integrity,
    /// Root cannot read it, either.
    Confidentiality,
}

/// A host whose files are read.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Host::new("/")
    }
}

impl Host {
    /// The host whose `/proc` and `/sys` are below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Host {
        Host { root: root.into() }
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    fn text(&self, relative: &str) -> String {
        fs::read(self.path(relative))
            .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
            .unwrap_or_default()
    }

    fn status(&self, field: &str) -> Option<String> {
        let status = self.text("proc/self/status");
        status.lines().find_map(|line| line.strip_prefix(field)).map(|value| value.trim().to_owned())
    }

    /// The capabilities that are missing for eBPF, each with what it is for.
    fn missing_capabilities(&self) -> Vec<(&'static str, &'static str)> {
        let effective =
            self.status("CapEff:").and_then(|text| u64::from_str_radix(&text, 16).ok()).unwrap_or(0);
        let has = |bit: u32| effective >> bit & 1 != 0;
        let covered = |bit: u32| has(bit) || (has(ADMIN) && bit >= 38);
        let missing = CAPABILITIES.iter().filter(|(bit, ..)| !covered(*bit));
        missing.map(|(_, name, what)| (*name, *what)).collect()
    }

    /// How far the kernel is locked down.
    pub fn lockdown(&self) -> Lockdown {
        match self.text("sys/kernel/security/lockdown") {
            text if text.contains("[confidentiality]") => Lockdown::Confidentiality,
            text if text.contains("[integrity]") => Lockdown::Integrity,
            _ => Lockdown::None,
        }
    }

    /// Whether the machine was booted through Secure Boot; `None` where the firmware does not say.
    pub fn secure_boot(&self) -> Option<bool> {
        let variable = fs::read(self.path(SECURE_BOOT)).ok()?;
        variable.get(4).map(|value| *value == 1)
    }

    /// Whether no module can be loaded any more until the next boot.
    pub fn modules_disabled(&self) -> bool {
        self.text("proc/sys/kernel/modules_disabled") == "1"
    }

    fn seccomp(&self) -> bool {
        self.status("Seccomp:").is_some_and(|mode| mode != "0")
    }

    /// What keeps a process from eBPF, as far as can be seen.
    pub fn what_forbids_ebpf(&self) -> String {
        let missing = self.missing_capabilities();
        if missing.iter().any(|(name, _)| ["CAP_PERFMON", "CAP_BPF"].contains(name)) {
            return "run it as root, or give it CAP_BPF and CAP_PERFMON (in a container: --cap-add BPF --cap-add \
                    PERFMON, or --privileged)"
                .into();
        }
        if self.lockdown() == Lockdown::Confidentiality {
            return "kernel lockdown is at `confidentiality`, which forbids reading kernel memory; boot with \
                    lockdown=integrity"
                .into();
        }
        if self.seccomp() {
            return "a seccomp filter is in force (a container's default profile forbids bpf()); start it with \
                    --security-opt seccomp=unconfined, a service without SystemCallFilter="
                .into();
        }
        "a security module (SELinux, AppArmor) may forbid it; its audit log says more".into()
    }

    /// Why the kernel refused the module, from what `modprobe` said, and what to do about it.
    pub fn why_no_module(&self, said: &str) -> (String, String) {
        let said = said.trim();
        let what = format!("the kernel module does not load: {said}");
        let remedy = if said.contains("Key was rejected") || said.contains("Required key not available") {
            "Secure Boot or lockdown wants it signed with a key that is enrolled: `mokutil --import \
             /var/lib/dkms/mok.pub`, then reboot"
                .to_owned()
        } else if self.modules_disabled() {
            "kernel.modules_disabled is 1: no module can be loaded before the next boot".to_owned()
        } else if said.contains("Operation not permitted") {
            match self.lockdown() {
                Lockdown::None => {
                    "it takes root with CAP_SYS_MODULE; in a container load it on the host".to_owned()
                }
                _ => {
                    "kernel lockdown lets only signed modules in: sign it with an enrolled key, or boot with \
                      lockdown=none"
                        .to_owned()
                }
            }
        } else if ["Exec format error", "Invalid module format", "Unknown symbol", "Invalid argument"]
            .iter()
            .any(|reason| said.contains(reason))
        {
            "it was built for another kernel: `dkms autoinstall` builds it for this one; `dmesg` says more"
                .to_owned()
        } else {
            "`dmesg` says more".to_owned()
        };
        (what, remedy)
    }

    /// Everything, in the order in which a reader wants it. `ring` is the size of a ring in bytes.
    pub fn checks(&self, ring: u64) -> Vec<Check> {
        vec![
            self.kernel(),
            self.permissions(),
            self.seccomp_check(),
            self.lockdown_check(),
            self.secure_boot_check(),
            self.modules(),
            self.types(),
            self.tracefs(),
            self.symbols(),
            self.jit(),
            self.cgroups(),
            self.rings(ring),
        ]
    }

    /// The first two numbers of the kernel's release; 0 if it does not tell.
    pub(super) fn kernel_version(&self) -> (u32, u32) {
        let release = self.text("proc/sys/kernel/osrelease");
        let mut numbers =
            release.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    fn kernel(&self) -> Check {
        let release = self.text("proc/sys/kernel/osrelease");
        let verdict = match self.kernel_version() {
            (0..=4, _) | (5, 0..=14) => Verdict::Bad,
            (5, _) | (6, 0) => Verdict::Partly,
            _ => Verdict::Good,
        };
        let check = Check::new("kernel", verdict, format!("{release} {}", std::env::consts::ARCH));
        match verdict {
            Verdict::Good => check,
            Verdict::Partly => check.remedy("the eBPF driver was not tried before Linux 6.1"),
            Verdict::Bad => check.remedy("the eBPF driver needs Linux 5.15 or newer, tried from 6.1 on"),
        }
    }

    fn permissions(&self) -> Check {
        let missing = self.missing_capabilities();
        if missing.is_empty() {
            return Check::good("permissions", "all capabilities that are needed");
        }
        let names: Vec<String> = missing.iter().map(|(name, what)| format!("{name} ({what})")).collect();
        let needed = missing.iter().any(|(name, _)| *name != "CAP_SYS_PTRACE");
        let verdict = if needed { Verdict::Bad } else { Verdict::Partly };
        Check::new("permissions", verdict, format!("missing: {}", names.join(", ")))
            .remedy("run it as root, or give it these capabilities")
    }

    fn seccomp_check(&self) -> Check {
        match self.seccomp() {
            false => Check::good("seccomp", "no filter"),
            true => Check::new("seccomp", Verdict::Partly, "a filter is in force and may forbid bpf()")
                .remedy("if eBPF is refused: --security-opt seccomp=unconfined, or no SystemCallFilter="),
        }
    }

    fn lockdown_check(&self) -> Check {
        match self.lockdown() {
            Lockdown::None => Check::good("lockdown", "none"),
            Lockdown::Integrity => Check::good("lockdown", "integrity: modules must be signed, eBPF works"),
            Lockdown::Confidentiality => {
                Check::new("lockdown", Verdict::Partly, "confidentiality: eBPF may not read kernel memory")
                    .remedy("take the module, signed with an enrolled key, or boot with lockdown=integrity")
            }
        }
    }

    fn secure_boot_check(&self) -> Check {
        match self.secure_boot() {
            None => Check::good("Secure Boot", "no such firmware"),
            Some(false) => Check::good("Secure Boot", "off"),
            Some(true) => Check::good("Secure Boot", "on: the module must be signed with an enrolled key"),
        }
    }

    fn modules(&self) -> Check {
        if self.path("sys/module/saker").exists() {
            return Check::good("module", "loaded");
        }
        if !self.path("proc/modules").exists() {
            return Check::new("module", Verdict::Partly, "this kernel takes no modules")
                .remedy("eBPF is taken");
        }
        if self.modules_disabled() {
            return Check::new("module", Verdict::Partly, "not loaded, and kernel.modules_disabled is 1")
                .remedy("load it before that is set, or let eBPF be taken");
        }
        Check::new("module", Verdict::Partly, "not loaded").remedy(
            "`modprobe saker`; docs/kernel-support.md says how to install it; without it eBPF is taken",
        )
    }

    fn types(&self) -> Check {
        let path = super::ebpf::types_path(&self.root);
        match fs::metadata(&path) {
            Ok(file) => Check::good("BTF", format!("{} ({} KiB)", path.display(), file.len() >> 10)),
            Err(error) => Check::new("BTF", Verdict::Partly, format!("{}: {error}", path.display()))
                .remedy("eBPF needs a kernel with CONFIG_DEBUG_INFO_BTF; the module does not"),
        }
    }

    fn tracefs(&self) -> Check {
        let places = ["sys/kernel/tracing", "sys/kernel/debug/tracing"];
        match places.iter().find(|place| self.path(place).join("events").is_dir()) {
            Some(place) => Check::good("tracefs", format!("/{place}")),
            None if self.path(places[0]).is_dir() => Check::good(
                "tracefs",
                "not mounted; mounted for as long as it is needed, out of sight of others",
            ),
            None => Check::new("tracefs", Verdict::Partly, "this kernel has no tracefs")
                .remedy("eBPF needs a kernel with CONFIG_FTRACE; the module does not"),
        }
    }

    fn symbols(&self) -> Check {
        let restrict = self.text("proc/sys/kernel/kptr_restrict");
        let text = fs::read(self.path("proc/kallsyms")).unwrap_or_default();
        let first = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        if first.iter().any(|byte| *byte != b'0') {
            return Check::good("kallsyms", "shows addresses");
        }
        Check::new("kallsyms", Verdict::Partly, format!("hides addresses (kernel.kptr_restrict is {restrict})"))
            .remedy("eBPF cannot see that a path was renamed while it was read; sysctl kernel.kptr_restrict=1 as root helps")
    }

    fn jit(&self) -> Check {
        match self.text("proc/sys/net/core/bpf_jit_enable").as_str() {
            "0" => Check::new("BPF JIT", Verdict::Partly, "off: programs are interpreted, which is slow")
                .remedy("sysctl net.core.bpf_jit_enable=1"),
            "" => Check::good("BPF JIT", "the kernel does not say"),
            _ => Check::good("BPF JIT", "on"),
        }
    }

    fn cgroups(&self) -> Check {
        let mounts = self.text("proc/self/mountinfo");
        let of = |kind: &str| {
            let line = mounts.lines().find(|line| line.contains(&format!(" - {kind} ")))?;
            line.split(' ').nth(4).map(str::to_owned)
        };
        let (two, one) = (of("cgroup2"), of("cgroup"));
        let found = match (&two, &one) {
            (Some(two), None) => format!("version 2 at {two}"),
            (Some(two), Some(_)) => format!("version 2 at {two}, version 1 beside it"),
            (None, Some(_)) => "version 1 only".to_owned(),
            (None, None) => "none mounted".to_owned(),
        };
        if two.is_none() {
            return Check::new("cgroups", Verdict::Partly, found).remedy(
                "`saker trace` needs version 2: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none \
                         /sys/fs/cgroup/unified",
            );
        }
        match inode(&self.path("proc/self/ns/cgroup")) {
            Some(inode) if inode != INITIAL_CGROUP_NAMESPACE => {
                Check::new("cgroups", Verdict::Partly, format!("{found}, in a namespace of our own")).remedy(
                    "`saker trace` and containers need the host's: start the container with --cgroupns=host",
                )
            }
            _ => Check::good("cgroups", found),
        }
    }

    fn rings(&self, ring: u64) -> Check {
        let possible = self.text("sys/devices/system/cpu/possible");
        let last = possible.rsplit(['-', ',']).next().and_then(|last| last.parse().ok());
        let cpus = last.map_or(1, |last: u64| last + 1);
        let available = self.text("proc/meminfo").lines().find_map(|line| {
            line.strip_prefix("MemAvailable:")?.split_whitespace().next()?.parse::<u64>().ok()
        });
        let (need, have) = ((ring * cpus) >> 20, available.unwrap_or(0) >> 10);
        let found = format!("{cpus} of {} MiB: {need} MiB of {have} MiB available", ring >> 20);
        // More than a quarter of what is free is a lot for a sensor.
        match available.is_some() && need * 4 > have {
            true => Check::new("rings", Verdict::Partly, found)
                .remedy("a smaller engine.kmod.buf_size_preset or engine.modern_ebpf.buf_size_preset makes them smaller"),
            false => Check::good("rings", found),
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|file| file.ino())
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;

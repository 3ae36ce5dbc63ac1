//! What the live commands have in common: which driver is taken and why, and what was lost on the way.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::bail;
use saker_probe::wire::control::device;
use saker_probe::wire::record::SLOT_SIZE;
use saker_probe::wire::ring::{SLOTS_MAX, counter};

use crate::capture::driver::{Driver, DriverError, ProgramCounts};
use crate::capture::ebpf::{self, Probe};
use crate::capture::host::Host;
use crate::capture::kmod::Kmod;
use crate::capture::live::Live;
use crate::config::{Config, DriverKind, EngineKind};

/// Slots of a ring of the size that a `buf_size_preset` stands for: 1 is 1 MiB, each step doubles it.
pub(super) fn slots(preset: u8) -> u64 {
    let mebibyte = (1 << 20) / SLOT_SIZE as u64;
    mebibyte << preset.saturating_sub(1).min(9)
}

/// Which driver is wanted.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum DriverChoice {
    /// The kernel module if it is there, else eBPF
    #[default]
    Auto,
    /// The kernel module
    Kmod,
    /// The eBPF probe
    Ebpf,
}

impl DriverChoice {
    /// What the configuration says: `saker.driver`, else `engine.kind`.
    pub(super) fn of(config: &Config) -> DriverChoice {
        match (config.saker.driver, config.engine.kind) {
            (Some(DriverKind::Auto), _) => DriverChoice::Auto,
            (Some(DriverKind::Kmod), _) => DriverChoice::Kmod,
            (Some(DriverKind::Ebpf), _) | (None, Some(EngineKind::ModernEbpf)) => DriverChoice::Ebpf,
            (None, _) => DriverChoice::Auto,
        }
    }
}

/// Opens the wanted driver, and says which one it is and why.
pub(super) fn open(choice: DriverChoice, config: &Config) -> anyhow::Result<Box<dyn Driver>> {
    let (driver, why) = choose(choice, config)?;
    if let Some(why) = why {
        tracing::info!("taking eBPF: {why}");
    }
    Ok(driver)
}

/// Opens the wanted driver. Where there was a choice: why it is not the kernel module.
///
/// # Errors
/// Why no wanted driver can be used, and what to do about it.
pub(super) fn choose(
    choice: DriverChoice,
    config: &Config,
) -> anyhow::Result<(Box<dyn Driver>, Option<String>)> {
    let kmod = || kmod(config);
    let ebpf = || ebpf(config);
    match choice {
        DriverChoice::Kmod => Ok((kmod()?, None)),
        DriverChoice::Ebpf => Ok((ebpf()?, None)),
        DriverChoice::Auto => {
            let refused = match kmod() {
                Ok(driver) => return Ok((driver, None)),
                Err(refused) => refused,
            };
            match ebpf() {
                Ok(driver) => Ok((driver, Some(refused.to_string()))),
                Err(error) => bail!(
                    "no driver can be used here, so nothing can be detected live\n  \
                     kernel module: {refused}\n  eBPF: {error}\n  \
                     `saker doctor` looks at everything that a driver needs; without one, `saker replay` runs rules \
                     over a capture"
                ),
            }
        }
    }
}

fn kmod(config: &Config) -> Result<Box<dyn Driver>, DriverError> {
    if !Path::new(device::PATH).exists() {
        if !Path::new("/proc/modules").exists() {
            return Err(DriverError::new("this kernel takes no modules")
                .remedy("use eBPF, or a kernel with CONFIG_MODULES"));
        }
        load_module()?;
    }
    Ok(Box::new(Kmod::open(slots(config.engine.kmod.buf_size_preset).min(SLOTS_MAX))?))
}

/// Loads the module if it is installed and that is permitted.
///
/// # Errors
/// If it is not installed, or the kernel refuses it: what `modprobe` said, and what to do.
fn load_module() -> Result<(), DriverError> {
    let Ok(said) = Command::new("modprobe").arg("saker").stdin(Stdio::null()).output() else { return Ok(()) };
    if said.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&said.stderr);
    if text.contains("not found") {
        return Err(DriverError::new("the kernel module is not installed")
            .remedy("docs/kernel-support.md says on which kernels it can be, and how"));
    }
    let reason = text.lines().find(|line| line.contains("could not insert"));
    match reason.filter(|_| nix::unistd::geteuid().is_root()) {
        Some(reason) => {
            let (what, remedy) = Host::default().why_no_module(reason);
            Err(DriverError::new(what).remedy(remedy))
        }
        None => Ok(()),
    }
}

fn ebpf(config: &Config) -> Result<Box<dyn Driver>, DriverError> {
    Ok(Box::new(Probe::load(slots(config.engine.modern_ebpf.buf_size_preset).min(ebpf::SLOTS_MAX))?))
}

/// What was lost so far, by what it was: empty if nothing was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Losses(Vec<(String, u64)>);

impl Losses {
    /// Asks everybody who counts.
    pub(super) fn of(programs: &[ProgramCounts], live: &Live) -> Losses {
        let counted = live.merger().driver_counters();
        let lossy = |index: usize| index != counter::RECORDS;
        let rings = counter::NAMES.iter().filter(|(index, _)| lossy(*index));
        let rings =
            rings.map(|(index, name)| (format!("ring.{name}"), counted.get(*index).copied().unwrap_or(0)));
        let (reader, decoder) = (live.merger().reader_counters(), live.counters());
        let containers = live.container_counters();
        let ours = [
            ("reader.malformed", reader.malformed),
            ("decode.unknown_events", decoder.unknown_events),
            ("decode.malformed", decoder.malformed),
            ("cgroups.refused", live.cgroups_refused()),
            ("containers.refused", containers.refused + containers.asked.dropped),
            ("containers.bad_answers", containers.asked.bad_answers),
            ("containers.slow_answers", containers.asked.slow_answers),
            ("containers.late", containers.late),
        ];
        let ours = ours.into_iter().map(|(name, count)| (name.to_owned(), count));
        let all = rings.chain(ours).chain(programs.iter().map(ProgramCounts::loss));
        Losses(all.filter(|(_, count)| *count > 0).collect())
    }

    /// Events that never reached the rules: the ring was full, or the same CPU was writing.
    pub(super) fn events(&self) -> u64 {
        let lost = |name: &str| name.starts_with("ring.full_") || name == "ring.nested";
        self.0.iter().filter(|(name, _)| lost(name)).map(|(_, count)| count).sum()
    }

    /// Each with its name.
    pub(super) fn into_inner(self) -> Vec<(String, u64)> {
        self.0
    }

    /// One line: `name count, name count`.
    pub(super) fn line(&self) -> String {
        let mut line = String::new();
        for (name, count) in &self.0 {
            let comma = if line.is_empty() { "" } else { ", " };
            let _ = write!(line, "{comma}{name} {count}");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_falco() {
        let mebibytes = |preset| (slots(preset) * SLOT_SIZE as u64) >> 20;
        assert_eq!([1, 2, 4, 10].map(mebibytes), [1, 2, 8, 512]);
        assert_eq!(slots(10), SLOTS_MAX);
        assert_eq!(slots(9), ebpf::SLOTS_MAX);
    }
}

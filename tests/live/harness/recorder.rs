//! Takes records from a driver, through the agent's own reader.

use anyhow::{Result, bail};
use saker::capture::driver::{Driver, ProgramCounts};
use saker::capture::ebpf::Probe;
use saker::capture::kmod::Kmod;
use saker::capture::merge::Merger;
use saker_probe::extract::arch;
use saker_probe::extract::calls::{CALLS, generic_parameters};
use saker_probe::wire::control::{Interest, SNAPLEN_DEFAULT, option};
use saker_probe::wire::record::{Extra, Header, Record};
use saker_probe::wire::{ABI_VERSION, event, ring::counter};

/// A record, out of the ring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Its header.
    pub header: Header,
    /// Bytes of each parameter of the schema, and whether it was cut.
    pub parameters: Vec<(Vec<u8>, bool)>,
    /// Kind and bytes of each extra.
    pub extras: Vec<(u8, Vec<u8>)>,
}

impl Recorded {
    fn take(record: &Record<'_>) -> Recorded {
        let extra = |(kind, parameter): (Extra, saker_probe::wire::record::Parameter<'_>)| {
            (kind as u8, parameter.bytes.to_vec())
        };
        Recorded {
            header: record.header,
            parameters: match generic_parameters(&record.header) {
                Some(parameters) => parameters.map(|bytes| (bytes.to_vec(), false)).into(),
                None => record.parameters().map(|one| (one.bytes.to_vec(), one.truncated)).collect(),
            },
            extras: record.extras().map(extra).collect(),
        }
    }
}

/// Where records come from.
pub trait Source {
    /// What it is called.
    fn name(&self) -> &'static str;
    /// Asks for something else from now on.
    fn ask(&mut self, interest: &Interest) -> Result<()>;
    /// Takes what there is.
    fn drain(&mut self, into: &mut Vec<Recorded>);
    /// Records that were lost so far, by any counter.
    fn lost(&self) -> Vec<(String, u64)>;
    /// What this kernel does not let it tell.
    fn gaps(&self) -> Vec<String>;
    /// Whether it tells io_uring operations.
    fn tells_io_uring(&self) -> bool;
}

/// A driver of the agent.
pub struct Recorder {
    driver: Box<dyn Driver>,
    merger: Merger,
}

/// Records taken at a time.
const BATCH: usize = 4096;

impl Recorder {
    /// Begins to record with a driver.
    pub fn new(driver: Box<dyn Driver>) -> Result<Recorder> {
        let merger = Merger::new(driver.rings()?);
        Ok(Recorder { driver, merger })
    }
}

impl Source for Recorder {
    fn name(&self) -> &'static str {
        self.driver.name()
    }

    fn ask(&mut self, interest: &Interest) -> Result<()> {
        Ok(self.driver.set_interest(interest)?)
    }

    fn drain(&mut self, into: &mut Vec<Recorded>) {
        while self.merger.drain(boot_time, BATCH, |record, _| into.push(Recorded::take(record))) == BATCH {}
    }

    fn lost(&self) -> Vec<(String, u64)> {
        let counted = self.merger.driver_counters();
        let refused = counter::NAMES.iter().filter(|(index, _)| {
            (counter::FULL_FILE..=counter::NESTED).contains(index) || *index == counter::UNEXTRACTED
        });
        let mut lost: Vec<_> = refused.map(|(index, name)| ((*name).to_owned(), counted[*index])).collect();
        let noticed = self.merger.reader_counters();
        lost.push(("missing".into(), noticed.missing));
        lost.push(("malformed".into(), noticed.malformed));
        lost.extend(self.driver.programs().iter().map(ProgramCounts::loss));
        lost.retain(|(_, count)| *count != 0);
        lost
    }

    fn gaps(&self) -> Vec<String> {
        self.driver.gaps()
    }

    fn tells_io_uring(&self) -> bool {
        self.driver.tells_io_uring()
    }
}

/// Opens a driver by name.
pub fn open(name: &str) -> Result<Box<dyn Source>> {
    /// 2 MiB for each CPU: a case takes little.
    const SLOTS: u64 = 1 << 14;
    open_with(name, SLOTS)
}

/// Opens a driver by name, with rings of so many slots.
pub fn open_with(name: &str, slots: u64) -> Result<Box<dyn Source>> {
    let driver: Box<dyn Driver> = match name {
        "ebpf" => Box::new(Probe::load(slots)?),
        "kmod" => Box::new(Kmod::open(slots)?),
        _ => bail!("there is no driver `{name}`; there are kmod and ebpf"),
    };
    Ok(Box::new(Recorder::new(driver)?))
}

/// Asks for every call, with paths, of the cgroup and below (0: of everybody).
pub fn everything(scope_cgroup: u64, scope_level: u32) -> Interest {
    let mut interest = Interest {
        abi_version: ABI_VERSION,
        options: option::PATHS,
        snaplen: SNAPLEN_DEFAULT,
        scope_cgroup,
        scope_level,
        ..Interest::default()
    };
    // Tracepoints have codes too, and are asked for by bits of their own.
    let tracepoints =
        [event::PROCEXIT_1_E, event::SIGNALDELIVER_E, event::PAGE_FAULT_E, event::SCHEDSWITCH_6_E];
    for (code, _) in CALLS.iter().enumerate().filter(|(_, call)| !tracepoints.contains(&call.event)) {
        interest.ask(None, code as u16);
    }
    for (number, code) in arch::native::NATIVE.iter().enumerate() {
        // Numbers without a code are asked for too: they become the generic event.
        interest.ask(Some(number as u16), *code);
    }
    interest
}

/// Takes a call out of an interest, by its code.
pub fn without(interest: &mut Interest, code: u16) {
    interest.codes[usize::from(code >> 6)] &= !(1 << (code & 63));
    for (number, _) in arch::native::NATIVE.iter().enumerate().filter(|(_, found)| **found == code) {
        interest.native[number >> 6] &= !(1 << (number & 63));
    }
}

/// Leaves only calls with these names in an interest, and those that mark.
pub fn only(interest: &mut Interest, names: &[String]) {
    for (code, call) in CALLS.iter().enumerate() {
        if call.name != "close_range" && !names.iter().any(|name| name == call.name) {
            without(interest, code as u16);
        }
    }
}

/// The clock of the records.
fn boot_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes a timespec there.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

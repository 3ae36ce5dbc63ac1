//! The eBPF driver: loads the probe, tells it what is wanted, and shares its rings.
//!
//! ```text
//! object file (built in) + layout of this kernel -> maps, programs -> attached when the first interest is told
//! ```
//!
//! Programs of extractors are loaded when a call that needs them is first asked for: most rules need few, and verifying takes time.
//! An extractor that the kernel refuses is missing alone: its calls are recorded as generic ones, marked and counted.

mod btf;
mod error;
mod layout;
mod object;
mod tracefs;
mod tracepoint;

use std::collections::HashMap;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use ::object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use aya::maps::{Array, Map, MapData, ProgramArray};
use aya::programs::ProgramError;
use aya::{Ebpf, EbpfError, EbpfLoader, VerifierLogLevel};
use saker_probe::extract::calls::CALLS;
use saker_probe::wire::control::{self, Interest, tracepoint as wanted};
use saker_probe::wire::{event, record, ring};

pub use btf::types_path;
pub use error::Error;

use super::driver::{Driver, DriverError, ProgramCounts};
use super::host::Host;
use super::mapping::Mapping;
use super::ring::{Parts, Ring};
use layout::Layout;
use tracepoint::Hook;

/// The most slots that a ring can have here: the verifier follows pointers into it up to 512 MiB.
pub const SLOTS_MAX: u64 = 1 << 21;

/// A tracepoint with a program: name of the program, category and name of the tracepoint, and which bit of
/// [`Interest::tracepoints`] asks for it; 0 for those that are always wanted.
const TRACEPOINTS: &[(&str, &str, &str, u32)] = &[
    ("on_cgroup_mkdir", "cgroup", "cgroup_mkdir", 0),
    ("on_cgroup_rmdir", "cgroup", "cgroup_rmdir", 0),
    ("on_sched_process_exec", "sched", "sched_process_exec", 0),
    ("on_sched_process_exit", "sched", "sched_process_exit", 0),
    (SYS_EXIT, "raw_syscalls", "sys_exit", 0),
    ("on_signal_deliver", "signal", "signal_deliver", wanted::SIGNAL_DELIVER),
    ("on_page_fault_user", "exceptions", "page_fault_user", wanted::PAGE_FAULT),
    ("on_page_fault_kernel", "exceptions", "page_fault_kernel", wanted::PAGE_FAULT),
    (IO_URING[0], "io_uring", "io_uring_submit_req|io_uring_submit_sqe", wanted::IO_URING),
    (IO_URING[1], "io_uring", "io_uring_complete", wanted::IO_URING),
    ("on_sched_switch", "sched", "sched_switch", wanted::SWITCH),
];
/// The programs that record operations through io_uring: both or none.
const IO_URING: [&str; 2] = ["on_io_uring_submit", "on_io_uring_complete"];
/// The program without which nothing is recorded.
const SYS_EXIT: &str = "sys_exit";
/// The programs that write what stands behind the parameters of calls, and their places, which are behind those of the extractors
/// (`ebpf/src/maps.rs`): the credentials, and where names lead.
const CREDENTIALS: (&str, usize) = ("put_credentials", CALLS.len());
const PLACES: (&str, usize) = ("put_places", CALLS.len() + 1);

/// The loaded probe. Dropping it detaches everything.
pub struct Probe {
    ebpf: Ebpf,
    interest: Array<MapData, SharedInterest>,
    extractors: ProgramArray<MapData>,
    slots: u64,
    cpus: usize,
    /// Places of `extractors` whose program is loaded or was refused: by codes of calls, [`CREDENTIALS`] and [`PLACES`].
    settled: Vec<bool>,
    /// Tracepoints that are attached or were refused.
    attached: [bool; TRACEPOINTS.len()],
    refused: Vec<Refused>,
    absent: Vec<String>,
}

/// A program that this kernel does not take.
struct Refused {
    /// Its name: of the call whose extractor it holds, or of the tracepoint.
    program: String,
    /// What the kernel said, in one line.
    reason: String,
}

/// [`Interest`] as the map holds it.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct SharedInterest(#[allow(dead_code)] Interest);

// SAFETY: plain numbers without padding: four `u32`, a `u64`, two `u32`, arrays of `u64`.
unsafe impl aya::Pod for SharedInterest {}

impl Probe {
    /// Loads the probe with rings of so many slots for each CPU. Nothing is recorded before [`Driver::set_interest`].
    pub fn load(slots: u64) -> Result<Probe, Error> {
        if !slots.is_power_of_two() || !(ring::SLOTS_MIN..=SLOTS_MAX).contains(&slots) {
            return Err(Error::RingSize(slots));
        }
        let mut object = object::object()?;
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| Error::Mapping(error))? as u32;
        set_value_size(&mut object, "RINGS", ring_size(slots) as u32)?;
        let raw = tracepoint::are_raw(Host::default().kernel_version());
        if raw {
            tracepoint::make_raw(&mut object)?;
        }
        let set = HashMap::from([("RING_SLOTS", slots), (layout::RAW_CALLS, u64::from(raw))]);
        let layout = tracefs::with(|root| Layout::of_this_kernel(root, &set)).map_err(no_tracefs)??;

        let mut loader = EbpfLoader::new();
        // The object has no relocations for the loader: the layout is in its constants.
        loader
            .btf(None)
            .verifier_log_level(VerifierLogLevel::STATS)
            .map_max_entries("RINGS", cpus)
            .map_max_entries("TAILS", cpus);
        for (name, value) in &layout.constants {
            loader.override_global(name, value, true);
        }
        let mut ebpf = loader.load(&object).map_err(|error| {
            if not_permitted(&error) {
                Error::NotPermitted(Host::default().what_forbids_ebpf())
            } else {
                Error::Load(error)
            }
        })?;
        let interest = take(&mut ebpf, ".bss")?;
        let extractors = take(&mut ebpf, "EXTRACTORS")?;
        Ok(Probe {
            ebpf,
            interest,
            extractors,
            slots,
            cpus: cpus as usize,
            settled: vec![false; PLACES.1 + 1],
            attached: [false; TRACEPOINTS.len()],
            refused: Vec::new(),
            absent: layout.absent,
        })
    }

    /// Loads the extractor of a call, if it has one and it is not loaded yet. The programs of calls with the same extractor are the same:
    /// the first of them serves for all.
    fn settle(&mut self, code: usize) {
        let Some(call) = CALLS.get(code).filter(|call| call.event != event::GENERIC_X) else {
            return;
        };
        let first = CALLS.iter().find(|other| other.extractor == call.extractor).unwrap_or(call);
        // What is a row of the table but no call has its program at its tracepoint.
        if self.ebpf.program(first.name).is_some() {
            self.put(call.name, first.name, code);
        }
    }

    /// Puts a program that others go on in into its place, if that was not tried yet, for what is called `what`. Loads it first, if
    /// it has no other place yet.
    fn put(&mut self, what: &str, program: &str, place: usize) {
        if std::mem::replace(&mut self.settled[place], true) {
            return;
        }
        let extractors = &mut self.extractors;
        let result = Hook::of(&mut self.ebpf, program).and_then(|mut hook| {
            if hook.fd().is_err() {
                hook.load(program)?;
            }
            Ok(extractors.set(place as u32, hook.fd()?, 0)?)
        });
        if let Err(error) = result {
            self.refuse(what, &error);
        }
    }

    /// Attaches what is wanted and not attached yet. What is not wanted any more stays: its program sees that nothing is asked.
    fn attach(&mut self, wanted: u32) -> Result<(), Error> {
        let new = |(index, (.., bit)): &(usize, &(&str, &str, &str, u32))| {
            !self.attached[*index] && (*bit == 0 || *bit & wanted != 0)
        };
        let new: Vec<_> = TRACEPOINTS.iter().enumerate().filter(new).collect();
        if new.is_empty() {
            return Ok(());
        }
        let ebpf = &mut self.ebpf;
        let mut attach = |root: &Path, (index, row): (usize, &(&'static str, &str, &str, u32))| {
            let (name, category, names, _) = *row;
            let result = Hook::of(ebpf, name).and_then(|mut program| {
                program.load(name)?;
                Ok(program.attach(category, tracefs::first(root, category, names))?)
            });
            (index, name, result)
        };
        let results = tracefs::with(|root| new.into_iter().map(|row| attach(root, row)).collect::<Vec<_>>());
        for (index, name, result) in results.map_err(no_tracefs)? {
            self.attached[index] = true;
            let Err(error) = result else { continue };
            self.refuse(name, &error);
            if name == SYS_EXIT {
                let reason = self.refused.pop().map_or_else(String::new, |refused| refused.reason);
                return Err(Error::Program(SYS_EXIT, reason));
            }
        }
        Ok(())
    }

    fn ring(&self, cpu: usize, tails: &Arc<Mapping>, pages: &Arc<Mapping>) -> Option<Ring> {
        let size = ring_size(self.slots);
        let parts = Parts {
            reader: tails.at(cpu * ring::PAGE_SIZE)?,
            producer: pages.at(cpu * size)?,
            data: pages.at(cpu * size + ring::PAGE_SIZE)?,
            slots: self.slots,
        };
        // SAFETY: the maps have a value of this layout for each CPU, all are mapped, and the ring keeps both mappings.
        unsafe { Ring::new(parts, Arc::new((Arc::clone(tails), Arc::clone(pages)))) }
    }

    fn map_values(&self, name: &'static str, size: usize, writable: bool) -> Result<Arc<Mapping>, Error> {
        let Some(Map::Array(map)) = self.ebpf.map(name) else {
            return Err(Error::Object(name));
        };
        let mapping = Mapping::new(map.fd().as_fd(), 0, size * self.cpus, writable);
        mapping.map(Arc::new).map_err(Error::Mapping)
    }

    fn refuse(&mut self, program: &str, error: &EbpfError) {
        let log = match error {
            EbpfError::ProgramError(ProgramError::LoadError { verifier_log, .. }) => verifier_log.to_string(),
            _ => String::new(),
        };
        tracing::debug!("refused: {program}\n{log}");
        let reason = verdict(&log).map_or_else(|| error.to_string(), str::to_owned);
        self.refused.push(Refused { program: program.to_owned(), reason });
    }
}

impl Driver for Probe {
    fn name(&self) -> &'static str {
        "ebpf"
    }

    fn rings(&self) -> Result<Vec<Ring>, DriverError> {
        let tails = self.map_values("TAILS", ring::PAGE_SIZE, true)?;
        let pages = self.map_values("RINGS", ring_size(self.slots), false)?;
        Ok((0..self.cpus).filter_map(|cpu| self.ring(cpu, &tails, &pages)).collect())
    }

    fn set_interest(&mut self, interest: &Interest) -> Result<(), DriverError> {
        for (option, (program, place)) in
            [(control::option::CREDENTIALS, CREDENTIALS), (control::option::PATHS, PLACES)]
        {
            if interest.options & option != 0 {
                self.put(program, program, place);
            }
        }
        for code in (0..CALLS.len()).filter(|code| control::is_set(&interest.codes, *code)) {
            self.settle(code);
        }
        self.interest.set(0, SharedInterest(*interest), 0).map_err(|error| Error::Map(".bss", error))?;
        Ok(self.attach(interest.tracepoints)?)
    }

    fn tells_io_uring(&self) -> bool {
        !self.refused.iter().any(|refused| IO_URING.contains(&refused.program.as_str()))
    }

    fn hooked(&self) -> Vec<String> {
        let refused = |name: &str| self.refused.iter().any(|refused| refused.program == name);
        let rows = TRACEPOINTS
            .iter()
            .zip(self.attached)
            .filter(|((name, ..), attached)| *attached && !refused(name));
        // Of several names that kernels have for one, the newest.
        let name = |names: &str| names.split('|').next().unwrap_or_default().to_owned();
        rows.map(|((_, category, names, _), _)| format!("{category}:{}", name(names))).collect()
    }

    fn untold(&self) -> Vec<String> {
        self.refused.iter().map(|refused| refused.program.clone()).collect()
    }

    fn programs(&self) -> Vec<ProgramCounts> {
        // Only what is attached to a tracepoint is entered from outside; extractors run within it.
        let entered = TRACEPOINTS.iter().filter_map(|(name, ..)| Some((*name, self.ebpf.program(name)?)));
        entered.filter_map(|(name, program)| counts(name, program.fd().ok()?.as_fd().as_raw_fd())).collect()
    }

    fn gaps(&self) -> Vec<String> {
        let refused = self.refused.iter().map(|Refused { program, reason }| {
            if program == CREDENTIALS.0 {
                return format!("records have no credentials: {program} is refused: {reason}");
            }
            if program == PLACES.0 {
                return format!("records do not tell where files really are: {program} is refused: {reason}");
            }
            if IO_URING.contains(&program.as_str()) {
                return format!(
                    "operations through io_uring are not recorded: {program} is refused: {reason}"
                );
            }
            format!(
                "the kernel refuses the program {program}, whose calls are told without parameters: {reason}"
            )
        });
        refused.chain(self.absent.iter().cloned()).collect()
    }
}

/// Takes a map out of the object, in its type.
fn take<T: TryFrom<aya::maps::Map, Error = aya::maps::MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<T, Error> {
    let map = ebpf.take_map(name).ok_or(Error::Object(name))?;
    T::try_from(map).map_err(|error| Error::Map(name, error))
}

/// Writes the size of a map's values into the object: the loader can set only their number.
fn set_value_size(object: &mut [u8], map: &'static str, size: u32) -> Result<(), Error> {
    /// Bytes before the size in a map's description (`ebpf/src/maps.rs`).
    const VALUE_SIZE: u64 = 8;
    let file = ::object::File::parse(&*object).map_err(|_| Error::Object("an ELF header"))?;
    let symbol = file.symbols().find(|symbol| symbol.name() == Ok(map)).ok_or(Error::Object(map))?;
    let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
    let (start, _) = section.and_then(|section| section.file_range()).ok_or(Error::Object(map))?;
    let at = (start + symbol.address() + VALUE_SIZE) as usize;
    let field = object.get_mut(at..at + 4).ok_or(Error::Object(map))?;
    field.copy_from_slice(&size.to_ne_bytes());
    Ok(())
}

/// Bytes of the value of a ring.
fn ring_size(slots: u64) -> usize {
    ring::PAGE_SIZE + slots as usize * record::SLOT_SIZE + ring::SLACK_SIZE
}

/// Why the verifier refused a program: the last line but its statistics.
fn verdict(log: &str) -> Option<&str> {
    const STATISTICS: [&str; 3] = ["processed ", "verification time ", "stack depth "];
    let told = |line: &&str| !line.is_empty() && !STATISTICS.iter().any(|start| line.starts_with(start));
    log.lines().rev().map(str::trim).find(told)
}

/// Why tracefs cannot be reached. Without permission it is not to be seen, whether it is mounted or not.
fn no_tracefs(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Error::NotPermitted(Host::default().what_forbids_ebpf()),
        _ => Error::NoTracefs(error),
    }
}

/// Whether the kernel said no for want of permission.
fn not_permitted(error: &EbpfError) -> bool {
    let mut source = Some(error as &dyn std::error::Error);
    while let Some(error) = source {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        {
            return true;
        }
        source = error.source();
    }
    false
}

/// What the kernel counts for a program: it stands among what it says of the descriptor.
fn counts(name: &'static str, fd: i32) -> Option<ProgramCounts> {
    let said = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    let number = |key: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    };
    Some(ProgramCounts {
        name,
        misses: number("recursion_misses:"),
        runs: number("run_cnt:"),
        nanoseconds: number("run_time_ns:"),
    })
}

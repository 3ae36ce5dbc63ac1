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
mod memory;
mod object;
mod tracefs;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::ptr::NonNull;
use std::{fs, io};

use ::object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use aya::maps::{Array, Map, MapData, ProgramArray};
use aya::programs::{ProgramError, TracePoint};
use aya::{Ebpf, EbpfError, EbpfLoader};
use saker_probe::extract::calls::CALLS;
use saker_probe::wire::control::{self, Interest};
use saker_probe::wire::{event, record, ring};

pub use error::Error;
use layout::Layout;
use memory::Mapping;

/// The most slots that a ring can have here: the verifier follows pointers into it up to 512 MiB.
pub const SLOTS_MAX: u64 = 1 << 21;
/// Slots of a ring unless the configuration says otherwise: 8 MiB.
pub const SLOTS_DEFAULT: u64 = 1 << 16;

/// The programs of tracepoints that are always attached, and their tracepoints.
const ALWAYS: &[(&str, &str, &str)] = &[
    ("cgroup_mkdir", "cgroup", "cgroup_mkdir"),
    ("cgroup_rmdir", "cgroup", "cgroup_rmdir"),
    ("cgroup_attach_task", "cgroup", "cgroup_attach_task"),
    ("task_newtask", "task", "task_newtask"),
    ("sys_exit", "raw_syscalls", "sys_exit"),
];

/// The loaded probe. Dropping it detaches everything.
pub struct Probe {
    ebpf: Ebpf,
    interest: Array<MapData, SharedInterest>,
    extractors: ProgramArray<MapData>,
    rings: Vec<Ring>,
    /// Codes of calls whose program is loaded or was refused.
    settled: Vec<bool>,
    attached: bool,
    refused: Vec<Refused>,
    absent: Vec<String>,
    // Dropped last: the rings point into them.
    _mappings: [Mapping; 2],
}

/// A program that this kernel does not take.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Its name: of the call whose extractor it holds, or of the tracepoint.
    pub program: String,
    /// What the kernel said, in one line.
    pub reason: String,
    /// All that the verifier said.
    pub log: String,
}

/// The memory of the ring of one CPU.
#[derive(Debug, Clone, Copy)]
pub struct Ring {
    /// The reader's page, which it may write to.
    pub tail: NonNull<u8>,
    /// The producer's page, to read only.
    pub page: NonNull<u8>,
    /// The slots and the slack behind them, to read only.
    pub data: NonNull<u8>,
    /// How many slots.
    pub slots: u64,
}

/// [`Interest`] as the map holds it.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct SharedInterest(#[allow(dead_code)] Interest);

// SAFETY: plain numbers without padding: four `u32`, a `u64`, two `u32`, arrays of `u64`.
unsafe impl aya::Pod for SharedInterest {}

impl Probe {
    /// Loads the probe with rings of so many slots for each CPU. Nothing is recorded before [`Probe::set_interest`].
    pub fn load(slots: u64) -> Result<Probe, Error> {
        if !slots.is_power_of_two() || !(ring::SLOTS_MIN..=SLOTS_MAX).contains(&slots) {
            return Err(Error::RingSize(slots));
        }
        let mut object = object::object()?;
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| Error::Mapping(error))? as u32;
        let ring_size = ring::PAGE_SIZE + slots as usize * record::SLOT_SIZE + ring::SLACK_SIZE;
        set_value_size(&mut object, "RINGS", ring_size as u32)?;
        let set = HashMap::from([("RING_SLOTS", slots)]);
        let layout = tracefs::with(|root| Layout::of_this_kernel(root, &set)).map_err(Error::NoTracefs)??;

        let mut loader = EbpfLoader::new();
        // The object has no relocations for the loader: the layout is in its constants.
        loader.btf(None).map_max_entries("RINGS", cpus).map_max_entries("TAILS", cpus);
        for (name, value) in &layout.constants {
            loader.override_global(name, value, true);
        }
        let mut ebpf = loader.load(&object).map_err(|error| {
            if not_permitted(&error) { Error::NotPermitted(error::what_forbids()) } else { Error::Load(error) }
        })?;
        let interest = take(&mut ebpf, ".bss")?;
        let extractors = take(&mut ebpf, "EXTRACTORS")?;
        let (rings, mappings) = map_rings(&ebpf, cpus as usize, ring_size, slots)?;
        Ok(Probe {
            ebpf,
            interest,
            extractors,
            rings,
            settled: vec![false; CALLS.len()],
            attached: false,
            refused: Vec::new(),
            absent: layout.absent,
            _mappings: mappings,
        })
    }

    /// Tells the probe what to record from now on. The first time attaches it.
    pub fn set_interest(&mut self, interest: &Interest) -> Result<(), Error> {
        for code in (0..CALLS.len()).filter(|code| control::is_set(&interest.codes, *code)) {
            self.settle(code);
        }
        self.interest.set(0, SharedInterest(*interest), 0).map_err(|error| Error::Map(".bss", error))?;
        if !self.attached {
            self.attach()?;
            self.attached = true;
        }
        Ok(())
    }

    /// The rings, by CPU. Valid as long as the probe.
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }

    /// What this kernel refused.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// What this kernel does not have or show, and the probe therefore cannot tell.
    pub fn absent(&self) -> &[String] {
        &self.absent
    }

    /// How often the kernel did not run a program because another was running on that CPU, by program.
    pub fn recursion_misses(&self) -> Vec<(String, u64)> {
        let programs = self.ebpf.programs().filter_map(|(name, program)| {
            let misses = recursion_misses(program.fd().ok()?.as_fd().as_raw_fd())?;
            Some((name.to_owned(), misses))
        });
        programs.collect()
    }

    /// Loads the extractor of a call, if it has one and it is not loaded yet.
    fn settle(&mut self, code: usize) {
        let Some(call) = CALLS.get(code).filter(|call| call.event != event::GENERIC_X) else {
            return;
        };
        if std::mem::replace(&mut self.settled[code], true) {
            return;
        }
        let extractors = &mut self.extractors;
        let result = program(&mut self.ebpf, call.name).and_then(|program| {
            program.load()?;
            let fd = program.fd()?;
            Ok(extractors.set(code as u32, fd, 0)?)
        });
        if let Err(error) = result {
            self.refuse(call.name, &error);
        }
    }

    fn attach(&mut self) -> Result<(), Error> {
        let ebpf = &mut self.ebpf;
        let results = tracefs::with(|_| {
            let attach = |(name, category, tracepoint): &(&'static str, &str, &str)| {
                let result = program(ebpf, name).and_then(|program| {
                    program.load()?;
                    program.attach(category, tracepoint)?;
                    Ok(())
                });
                (*name, result)
            };
            ALWAYS.iter().map(attach).collect::<Vec<_>>()
        });
        for (name, result) in results.map_err(Error::NoTracefs)? {
            if let Err(error) = result {
                if name == "sys_exit" {
                    return Err(Error::Program(name, error.to_string()));
                }
                self.refuse(name, &error);
            }
        }
        Ok(())
    }

    fn refuse(&mut self, program: &str, error: &EbpfError) {
        let log = match error {
            EbpfError::ProgramError(ProgramError::LoadError { verifier_log, .. }) => verifier_log.to_string(),
            _ => String::new(),
        };
        // The verifier's verdict is the last line but its statistics.
        let verdict = log.lines().rev().find(|line| !line.starts_with("processed ") && !line.trim().is_empty());
        let reason = verdict.map_or_else(|| error.to_string(), str::to_owned);
        self.refused.push(Refused { program: program.to_owned(), reason, log });
    }
}

/// A program of the object.
fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut TracePoint, EbpfError> {
    let program = ebpf.program_mut(name).ok_or(EbpfError::ProgramError(ProgramError::NotLoaded))?;
    Ok(program.try_into()?)
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

/// Maps the rings of all CPUs.
fn map_rings(
    ebpf: &Ebpf,
    cpus: usize,
    ring_size: usize,
    slots: u64,
) -> Result<(Vec<Ring>, [Mapping; 2]), Error> {
    let map = |name: &'static str, size: usize, writable: bool| {
        let Some(Map::Array(map)) = ebpf.map(name) else {
            return Err(Error::Object(name));
        };
        let length = NonZeroUsize::new(size * cpus).ok_or(Error::Object("CPUs"))?;
        Mapping::new(map.fd().as_fd(), length, writable).map_err(Error::Mapping)
    };
    let tails = map("TAILS", ring::PAGE_SIZE, true)?;
    let pages = map("RINGS", ring_size, false)?;
    let rings = (0..cpus).filter_map(|cpu| {
        let page = pages.at(cpu * ring_size)?;
        let data = pages.at(cpu * ring_size + ring::PAGE_SIZE)?;
        Some(Ring { tail: tails.at(cpu * ring::PAGE_SIZE)?, page, data, slots })
    });
    Ok((rings.collect(), [tails, pages]))
}

/// Whether the kernel said no for want of permission.
fn not_permitted(error: &EbpfError) -> bool {
    let mut source = Some(error as &dyn std::error::Error);
    while let Some(error) = source {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
            return true;
        }
        source = error.source();
    }
    false
}

/// The kernel's count for a program.
fn recursion_misses(fd: i32) -> Option<u64> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
    line.trim().parse().ok()
}

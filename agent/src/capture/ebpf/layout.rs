//! The table of what the probe must know of the kernel (`ebpf/src/layout_table.rs`), filled for the one that runs.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported};

use super::btf::{self, Types};
use super::{Error, tracefs};

include!("../../../../ebpf/src/layout_table.rs");

/// The value of what the kernel does not have.
const ABSENT: u64 = u64::MAX;

/// How a row of the table is found out.
enum Source {
    Set,
    Offset(&'static str, &'static str),
    Maybe(&'static str, &'static str),
    Bit(&'static str, &'static str),
    Size(&'static str),
    Symbol(&'static str),
    Helper(&'static str),
    Tracepoint(&'static str, &'static str),
    Argument(&'static str, &'static str, u64),
}

/// The row that tells the probe whether the programs of calls hang on raw tracepoints.
pub(super) const RAW_CALLS: &str = "RAW_CALLS";

macro_rules! source {
    (set) => {
        Source::Set
    };
    (offset $of:literal $path:literal) => {
        Source::Offset($of, $path)
    };
    (maybe $of:literal $path:literal) => {
        Source::Maybe($of, $path)
    };
    (bit $of:literal $path:literal) => {
        Source::Bit($of, $path)
    };
    (size $of:literal) => {
        Source::Size($of)
    };
    (symbol $name:literal) => {
        Source::Symbol($name)
    };
    (helper $name:literal) => {
        Source::Helper($name)
    };
    (tracepoint $name:literal $field:literal) => {
        Source::Tracepoint($name, $field)
    };
    (argument $name:literal $field:literal $index:literal) => {
        Source::Argument($name, $field, $index)
    };
}

macro_rules! rows {
    ($($name:ident $kind:ident $($detail:literal)*;)*) => {
        const ROWS: &[(&str, Source)] = &[$((stringify!($name), source!($kind $($detail)*))),*];
    };
}

kernel_layout!(rows);

/// The constants of the probe for this kernel.
pub(super) struct Layout {
    /// Name and value of each.
    pub constants: Vec<(&'static str, u64)>,
    /// What the kernel does not have, or does not show.
    pub absent: Vec<String>,
}

impl Layout {
    /// Finds everything out. `tracing` is the root of tracefs, `set` what the loader itself knows.
    pub(super) fn of_this_kernel(tracing: &Path, set: &HashMap<&str, u64>) -> Result<Layout, Error> {
        let path = btf::types_path(Path::new("/"));
        let bytes = fs::read(&path).map_err(|error| Error::NoTypes(path.clone(), error))?;
        let wanted = ROWS.iter().filter_map(|(_, source)| match source {
            Source::Offset(of, _) | Source::Maybe(of, _) | Source::Bit(of, _) | Source::Size(of) => {
                Some(of.as_bytes())
            }
            _ => None,
        });
        let types = Types::parse(&bytes, &wanted.collect::<HashSet<_>>()).ok_or(Error::BadTypes(path))?;
        let symbols = symbols();
        let raw = set.get(RAW_CALLS) == Some(&1);
        let mut layout = Layout { constants: Vec::new(), absent: Vec::new() };
        for (name, source) in ROWS {
            let (value, what) = match source {
                Source::Set => (set.get(name).copied(), String::new()),
                Source::Offset(of, paths) => {
                    let mut ways = paths.split('|');
                    let bits = ways.find_map(|path| types.bit_offset(of, path));
                    (bits.map(|bits| bits / 8), format!("struct {of} has no {paths}"))
                }
                Source::Maybe(of, path) => (types.bit_offset(of, path).map(|bits| bits / 8), String::new()),
                Source::Bit(of, path) => (types.bit_offset(of, path), format!("struct {of} has no {path}")),
                // Some structs are there to tell old kernels from new ones.
                Source::Size(of) => (types.size(of), String::new()),
                Source::Symbol(symbol) => (
                    symbols.get(symbol).copied(),
                    format!("paths may be torn by renames meanwhile: /proc/kallsyms hides {symbol}"),
                ),
                Source::Helper(name) => (helper(name), format!("there is no helper bpf_{name}")),
                Source::Tracepoint(tracepoint, field) => of_tracepoint(tracing, tracepoint, field),
                Source::Argument(tracepoint, field, index) => {
                    let (offset, what) = of_tracepoint(tracing, tracepoint, field);
                    (offset.map(|offset| if raw { index * 8 } else { offset }), what)
                }
            };
            if value.is_none() && !what.is_empty() {
                layout.absent.push(what);
            }
            layout.constants.push((name, value.unwrap_or(ABSENT)));
        }
        Ok(layout)
    }
}

/// Where a field of a tracepoint is, and what to say if it is nowhere.
fn of_tracepoint(tracing: &Path, tracepoint: &str, field: &str) -> (Option<u64>, String) {
    let offset = tracepoint.split('|').find_map(|name| tracefs::field_offset(tracing, name, field));
    (offset, format!("the tracepoint {tracepoint} has no {field}"))
}

/// Whether the kernel has a helper, as the probe asks: 1 or nothing.
fn helper(name: &str) -> Option<u64> {
    let helper = match name {
        "loop" => BpfHelper::BPF_FUNC_loop,
        _ => return None,
    };
    is_helper_supported(ProgramType::TracePoint, helper).is_ok_and(|has| has).then_some(1)
}

/// Addresses of the kernel's variables that the table asks for; none where the kernel keeps them to itself.
fn symbols() -> HashMap<&'static str, u64> {
    let names = ROWS.iter().filter_map(|(_, source)| match source {
        Source::Symbol(name) => Some(*name),
        _ => None,
    });
    let names: HashSet<&'static str> = names.collect();
    let Ok(file) = fs::File::open("/proc/kallsyms") else {
        return HashMap::new();
    };
    let mut found = HashMap::new();
    for line in BufReader::with_capacity(1 << 16, file).lines().map_while(Result::ok) {
        let mut words = line.split_ascii_whitespace();
        let (Some(address), _, Some(symbol)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Some(name) = names.get(symbol) else {
            continue;
        };
        // Whoever may not know addresses sees zeros.
        if let Some(address) = u64::from_str_radix(address, 16).ok().filter(|address| *address != 0) {
            found.insert(*name, address);
        }
        // The kernel makes each line anew: what comes behind them, as the symbols of modules, need not be made.
        if found.len() == names.len() {
            break;
        }
    }
    found
}

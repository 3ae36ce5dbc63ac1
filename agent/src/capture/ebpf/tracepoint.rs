//! The programs of the object, and what they hang on: classic tracepoints, or, for calls on kernels where that loses nothing, raw ones.
//!
//! A raw tracepoint spares every call of the machine perf's part, some 200 instructions. Before Linux 7.0 a program on it cannot be
//! preempted. Since then it can, and the kernel skips a program that another thread has begun on the same CPU: whoever wants to hide
//! could make a fifth of the events vanish. Classic tracepoints lose nothing there.

use std::time::Instant;

use aya::programs::{Program, ProgramError, ProgramFd, RawTracePoint, TracePoint};
use aya::{Ebpf, EbpfError};

use super::Error;

/// The section with the programs of calls, and what it is called where they hang on raw tracepoints (`ebpf/src/programs/mod.rs`).
const SECTION: &[u8] = b"tracepoint/calls\0";
const RAW_SECTION: &[u8] = b"raw_tp/calls\0";

/// Whether the programs of calls hang on raw tracepoints on a kernel of this version.
pub(super) fn are_raw(version: (u32, u32)) -> bool {
    // Before 6.0 io_uring's tracepoints had other arguments.
    ((6, 0)..(7, 0)).contains(&version)
}

/// Makes the programs of calls ones for raw tracepoints. The loader knows types of programs by the names of sections.
pub(super) fn make_raw(object: &mut [u8]) -> Result<(), Error> {
    let places = object.windows(SECTION.len()).enumerate().filter(|(_, window)| *window == SECTION);
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    if places.is_empty() {
        return Err(Error::Object("the section tracepoint/calls"));
    }
    for at in places {
        let name = &mut object[at..at + SECTION.len()];
        name.fill(0);
        name[..RAW_SECTION.len()].copy_from_slice(RAW_SECTION);
    }
    Ok(())
}

/// A program of the object.
pub(super) enum Hook<'a> {
    /// On a classic tracepoint.
    Classic(&'a mut TracePoint),
    /// On a raw one.
    Raw(&'a mut RawTracePoint),
}

impl<'a> Hook<'a> {
    /// The program of this name.
    pub(super) fn of(ebpf: &'a mut Ebpf, name: &str) -> Result<Hook<'a>, EbpfError> {
        match ebpf.program_mut(name) {
            Some(Program::TracePoint(program)) => Ok(Hook::Classic(program)),
            Some(Program::RawTracePoint(program)) => Ok(Hook::Raw(program)),
            _ => Err(EbpfError::ProgramError(ProgramError::NotLoaded)),
        }
    }

    /// Has it verified.
    pub(super) fn load(&mut self, name: &str) -> Result<(), ProgramError> {
        let begun = Instant::now();
        let info = match self {
            Hook::Classic(program) => program.load().map(|()| program.info())?,
            Hook::Raw(program) => program.load().map(|()| program.info())?,
        };
        if tracing::enabled!(tracing::Level::DEBUG) {
            let instructions = info.ok().and_then(|info| info.verified_instruction_count()).unwrap_or(0);
            tracing::debug!("loaded: {name}, {instructions} instructions verified in {:?}", begun.elapsed());
        }
        Ok(())
    }

    /// Has it run at a tracepoint.
    pub(super) fn attach(&mut self, category: &str, tracepoint: &str) -> Result<(), ProgramError> {
        match self {
            Hook::Classic(program) => program.attach(category, tracepoint).map(drop),
            Hook::Raw(program) => program.attach(tracepoint).map(drop),
        }
    }

    /// The loaded program.
    pub(super) fn fd(&self) -> Result<&ProgramFd, ProgramError> {
        match self {
            Hook::Classic(program) => program.fd(),
            Hook::Raw(program) => program.fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ::object::{Object as _, ObjectSection as _};

    use super::*;

    #[test]
    fn raw_where_nothing_is_lost() {
        assert!(!are_raw((5, 19)));
        assert!(are_raw((6, 0)));
        assert!(are_raw((6, 19)));
        assert!(!are_raw((7, 0)));
    }

    #[test]
    fn the_object_has_the_section() {
        let Ok(mut object) = super::super::object::object() else { return };
        make_raw(&mut object).expect("the section is there");
        let file = ::object::File::parse(&*object).expect("it is still an object");
        let names: Vec<_> =
            file.sections().filter_map(|section| section.name().ok().map(str::to_owned)).collect();
        assert!(names.iter().any(|name| name == "raw_tp/calls"), "{names:?}");
        assert!(!names.iter().any(|name| name == "tracepoint/calls"), "{names:?}");
    }
}

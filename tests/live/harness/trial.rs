//! What a case works with, in its own process: makes calls between marks, and tells the harness what their records must be.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use saker_probe::wire::record::{Extra, flag};

use super::want::{Text, Want};
use super::{Expectation, Message, Who};
use crate::args;
use crate::calls::{self, Low};

/// The process of one case.
pub struct Trial {
    scratch: PathBuf,
    pipe: File,
    /// The number of the next marks. Unique in a run of all cases.
    bracket: u32,
}

/// Marks are calls of `close_range` with one descriptor that is never open: this one plus twice the number, and the next.
/// They succeed, so that they are recorded whatever a driver is asked for.
const FIRST_MARK: u32 = 0x4000_0000;

/// The descriptor that the marks of a bracket are made with: before the call, and after it.
pub fn marks(bracket: u32) -> (u32, u32) {
    let before = FIRST_MARK + 2 * bracket;
    (before, before + 1)
}

fn mark(descriptor: u32) {
    calls::native(libc::SYS_close_range, &args![descriptor, descriptor, 0]);
}

/// How many brackets a case has for itself.
pub const BRACKETS_PER_CASE: u32 = 256;

impl Trial {
    /// Begins a case. `scratch` is an empty directory, `pipe` goes to the harness.
    pub fn new(index: usize, scratch: &Path, pipe: File) -> Trial {
        Trial { scratch: scratch.to_owned(), pipe, bracket: index as u32 * BRACKETS_PER_CASE }
    }

    /// The directory of the case, which is the working directory too.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// A path in the directory of the case.
    pub fn path(&self, name: &str) -> CString {
        c_string(self.scratch.join(name).as_os_str().as_bytes())
    }

    /// Makes a file there.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> CString {
        or_broken(fs::write(self.scratch.join(name), contents), name);
        self.path(name)
    }

    /// Makes a directory there.
    pub fn directory(&self, name: &str) -> CString {
        or_broken(fs::create_dir_all(self.scratch.join(name)), name);
        self.path(name)
    }

    /// Opens what there is under a path, outside the marks.
    pub fn open(&self, path: &CString, flags: i32) -> i32 {
        self.must(libc::SYS_open, &args![path, flags, 0o600]) as i32
    }

    /// Device and inode of a path, the device as the kernel gives it to programs (32 bits).
    pub fn identity(&self, path: &CStr) -> (u64, u64) {
        use std::os::unix::fs::MetadataExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
        let metadata = or_broken(fs::metadata(path), "identity");
        let (major, minor) = (libc::major(metadata.dev()), libc::minor(metadata.dev()));
        let device = minor & 0xff | major << 8 | (minor & !0xff) << 12;
        (u64::from(device), metadata.ino())
    }

    /// Makes a call outside the marks, which must succeed.
    #[track_caller]
    pub fn must(&self, number: i64, arguments: &[u64]) -> i64 {
        let result = calls::native(number, arguments);
        if result < 0 {
            self.broken(&format!("{}: call {number} gave {}", std::panic::Location::caller(), error(result)));
        }
        result
    }

    /// Makes a native call between marks.
    pub fn call(&mut self, number: i64, arguments: &[u64]) -> Made<'_> {
        self.between(|| calls::native(number, arguments), 0)
    }

    /// Makes a call through the 32-bit entry between marks.
    pub fn compat(&mut self, number: u32, arguments: &[u32]) -> Made<'_> {
        self.between(|| calls::compat(number, arguments), flag::COMPAT)
    }

    /// Makes a call through the x32 entry between marks.
    pub fn x32(&mut self, number: i64, arguments: &[u64]) -> Made<'_> {
        self.between(|| calls::x32(number, arguments), flag::X32)
    }

    /// Does anything between marks. `flags` are those that the record must have.
    pub fn between(&mut self, call: impl FnOnce() -> i64, flags: u32) -> Made<'_> {
        let bracket = self.bracket;
        self.bracket += 1;
        let (before, after) = marks(bracket);
        mark(before);
        let result = call();
        mark(after);
        Made { trial: self, bracket, result, flags, location: std::panic::Location::caller() }
    }

    /// Announces a call that does not come back (`execve`, `exit`) and makes it. `expectation` is told its result of 0.
    pub fn last_call(&mut self, expectation: impl FnOnce(&mut Made<'_>), call: impl FnOnce() -> i64) -> ! {
        let bracket = self.bracket;
        let location = std::panic::Location::caller();
        let mut made = Made { trial: self, bracket, result: 0, flags: 0, location };
        expectation(&mut made);
        self.tell(&Message::Done);
        mark(marks(bracket).0);
        let result = call();
        self.broken(&format!("the call came back: {}", error(result)))
    }

    /// Ends the case because something is not to be had here.
    pub fn skip(&mut self, reason: &str) -> ! {
        self.tell(&Message::Skip(reason.into()));
        std::process::exit(0)
    }

    /// Ends the case because it could not be brought about.
    pub fn broken(&self, reason: &str) -> ! {
        broken_to(&self.pipe, reason);
        std::process::exit(0)
    }

    /// Tells the harness something.
    pub fn tell(&self, message: &Message) {
        let mut line = serde_json::to_vec(message).unwrap_or_default();
        line.push(b'\n');
        // A harness that is gone has nobody to tell.
        let _ = (&self.pipe).write_all(&line);
    }

    /// Memory below 4 GiB for 32-bit calls.
    pub fn low(&self) -> Low {
        Low::new()
    }
}

fn broken_to(mut pipe: &File, reason: &str) {
    let mut line = serde_json::to_vec(&Message::Broken(reason.into())).unwrap_or_default();
    line.push(b'\n');
    let _ = pipe.write_all(&line);
}

/// A text for the kernel. Paths of the tests have no NUL inside.
pub fn c_string(bytes: impl Into<Vec<u8>>) -> CString {
    or_broken(CString::new(bytes), "a text with a NUL")
}

/// What there must be; else the case ends with a message (the harness catches the panic of a child).
#[track_caller]
#[expect(clippy::panic, reason = "the child has no other way to end its case, and the harness waits for it")]
pub fn or_broken<T, E: std::fmt::Display>(result: Result<T, E>, what: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

/// A result for people.
pub fn error(result: i64) -> String {
    if (-4095..0).contains(&result) {
        std::io::Error::from_raw_os_error(-result as i32).to_string()
    } else {
        result.to_string()
    }
}

/// A call that was made between marks.
pub struct Made<'a> {
    trial: &'a mut Trial,
    bracket: u32,
    /// What it returned.
    pub result: i64,
    flags: u32,
    location: &'static std::panic::Location<'static>,
}

impl Made<'_> {
    /// It must have succeeded; else the case is broken.
    pub fn ok(self) -> Self {
        if (-4095..0).contains(&self.result) {
            self.trial.broken(&format!("{}: {}", self.location, error(self.result)));
        }
        self
    }

    /// It must have returned this.
    pub fn gives(self, wanted: impl calls::Argument) -> Self {
        let wanted = wanted.raw() as i64;
        if self.result != wanted {
            self.trial.broken(&format!("{}: gave {}, not {wanted}", self.location, error(self.result)));
        }
        self
    }

    /// It must have failed with this error.
    pub fn fails(self, wanted: i32) -> Self {
        if self.result != -i64::from(wanted) {
            let (found, wanted) = (error(self.result), error(-i64::from(wanted)));
            self.trial.broken(&format!("{}: {found}, not {wanted}", self.location));
        }
        self
    }

    /// It must have failed with one of these errors.
    pub fn fails_with(self, wanted: &[i32]) -> Self {
        if !wanted.iter().any(|wanted| self.result == -i64::from(*wanted)) {
            self.trial.broken(&format!("{}: gave {}", self.location, error(self.result)));
        }
        self
    }

    /// Skips the case if the kernel does not know the call, or does not let us make it.
    pub fn or_skip(self, errors: &[i32], reason: &str) -> Self {
        if errors.iter().any(|error| self.result == -i64::from(*error)) {
            self.trial.skip(&format!("{reason}: {}", error(self.result)));
        }
        self
    }

    /// The record must be of this event with these parameters. The first one is the result if it is not named.
    pub fn records(self, event: u16, parameters: &[(&str, Want)]) -> Recorded {
        let result = self.result;
        self.expect(Who::Caller, event, parameters);
        Recorded { result }
    }

    /// As [`Made::records`], with the extras, and bits of misses that are wanted.
    pub fn records_with(
        self,
        event: u16,
        parameters: &[(&str, Want)],
        extras: &[(Extra, Want)],
        misses: u32,
    ) -> Recorded {
        let mut expectation = self.expectation(Who::Caller, event, parameters);
        expectation.extras = extras.iter().map(|(kind, want)| (*kind as u8, want.clone())).collect();
        expectation.misses = misses;
        self.trial.tell(&Message::Expect(expectation));
        Recorded { result: self.result }
    }

    /// The record must be one of these: event, and parameters.
    pub fn records_one_of(self, ways: &[(u16, &[(&str, Want)])]) {
        for (event, parameters) in ways {
            self.expect(Who::CallerOneOf, *event, parameters);
        }
    }

    /// Among what is recorded of the thread between the marks there must be this, whatever else there is.
    pub fn expect_among(&self, event: u16, parameters: &[(&str, Want)]) {
        self.trial.tell(&Message::Expect(Expectation {
            returns: 0,
            ..self.expectation(Who::Among, event, parameters)
        }));
    }

    /// As [`Made::expect_returning`], where a driver may have no way to tell some parameter.
    pub fn expect_as_far_as_told(&self, who: Who, returns: i64, event: u16, parameters: &[(&str, Want)]) {
        let expectation = self.expectation(who, event, parameters);
        let misses = flag::UNSUPPORTED;
        self.trial.tell(&Message::Expect(Expectation { returns, misses, flags: 0, ..expectation }));
    }

    /// Somebody (this thread, or one that works for a ring) must have a record of an operation of a ring; it may have these bits of
    /// misses.
    pub fn expect_of_ring(&self, returns: i64, misses: u32, event: u16, parameters: &[(&str, Want)]) {
        let expectation = self.expectation(Who::Anybody, event, parameters);
        self.trial.tell(&Message::Expect(Expectation {
            returns,
            misses,
            flags: flag::IO_URING,
            ..expectation
        }));
    }

    /// There must be a record of anybody with this.
    pub fn expect_of_anybody(&self, event: u16, parameters: &[(&str, Want)]) {
        self.trial.tell(&Message::Expect(Expectation {
            returns: 0,
            flags: 0,
            ..self.expectation(Who::Anybody, event, parameters)
        }));
    }

    /// There must be no record of the call.
    pub fn records_nothing(self) -> Recorded {
        let result = self.result;
        self.expect(Who::Nobody, 0, &[]);
        Recorded { result }
    }

    /// There must be a record of this thread, here or elsewhere.
    pub fn expect(&self, who: Who, event: u16, parameters: &[(&str, Want)]) {
        self.trial.tell(&Message::Expect(self.expectation(who, event, parameters)));
    }

    fn expectation(&self, who: Who, event: u16, parameters: &[(&str, Want)]) -> Expectation {
        let parameters = parameters.iter().map(|(name, want)| ((*name).to_owned(), want.clone())).collect();
        Expectation {
            bracket: self.bracket,
            who,
            event,
            returns: self.result,
            parameters,
            extras: Vec::new(),
            flags: self.flags,
            misses: 0,
        }
    }

    /// As [`Made::expect`], of a thread whose call returned something else.
    pub fn expect_returning(&self, who: Who, returns: i64, event: u16, parameters: &[(&str, Want)]) {
        let expectation = self.expectation(who, event, parameters);
        self.trial.tell(&Message::Expect(Expectation { returns, flags: 0, ..expectation }));
    }
}

/// A call whose record was described.
#[derive(Clone, Copy)]
pub struct Recorded {
    /// What it returned.
    pub result: i64,
}

impl Recorded {
    /// The descriptor that it returned.
    pub fn fd(self) -> i32 {
        self.result as i32
    }
}

/// The path that a [`Extra::FilePath`] and its like must hold: any bits of how the walk ended, then this.
pub fn path_extra(path: impl Text) -> Want {
    Want::Pieces(vec![super::want::Piece::Skip(4), super::want::Piece::Bytes(path.with_nul())])
}

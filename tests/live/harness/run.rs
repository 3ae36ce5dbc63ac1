//! Runs cases one after the other and counts.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use saker_probe::wire::control::{Interest, tracepoint};
use saker_probe::wire::event;

use super::recorder::{Recorded, Source};
use super::trial::{BRACKETS_PER_CASE, Trial, marks};
use super::{Case, Expectation, Message, compare, scene};
use crate::args;
use crate::calls::native;

/// How cases shall be run.
pub struct Options {
    /// What the driver is asked for unless a case changes it.
    pub interest: Interest,
    /// Print the records of every case, not only of those that fail.
    pub verbose: bool,
}

/// How it went.
#[derive(Default, Debug)]
pub struct Tally {
    /// Cases whose records were right.
    pub passed: usize,
    /// Cases whose records were not right, or that could not be brought about.
    pub failed: usize,
    /// Cases that this machine cannot do.
    pub skipped: usize,
}

/// How long a case may take, and how long its records may.
const CASE_SECONDS: u32 = 20;
const RECORDS_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs cases under one driver, or under several at once whose records must be the same.
pub fn run(cases: &[Case], sources: &mut [Box<dyn Source>], options: &Options) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut asked = None;
    for (index, case) in cases.iter().enumerate() {
        let mut interest = options.interest;
        if let Some(change) = case.interest {
            change(&mut interest);
        }
        let asks_io_uring = case.interest.is_some() && interest.tracepoints & tracepoint::IO_URING != 0;
        if let Some(source) = sources.iter().find(|source| asks_io_uring && !source.tells_io_uring()) {
            println!("skipped  {}: {} does not record io_uring operations", case.name, source.name());
            tally.skipped += 1;
            continue;
        }
        if asked != Some(interest) {
            for source in &mut *sources {
                source.ask(&interest)?;
            }
            asked = Some(interest);
        }
        let child = run_child(index, case)?;
        if let Some(reason) = &child.skipped {
            println!("skipped  {}: {reason}", case.name);
            tally.skipped += 1;
            // What was recorded meanwhile is of no interest, but must not be taken for the next case's.
            collect(sources, child.pid);
            continue;
        }
        let found = collect(sources, child.pid);
        let mut problems = child.problems;
        for (source, records) in sources.iter().zip(&found) {
            let wrong = compare::check(&child.expectations, records).into_iter();
            problems.extend(wrong.map(|problem| format!("{}: {problem}", source.name())));
        }
        if let ([left, right, ..], [left_found, right_found, ..]) = (&*sources, &found[..]) {
            let (left, right) = ((left.name(), &left_found[..]), (right.name(), &right_found[..]));
            problems.extend(compare::differences(&child.expectations, left, right));
        }
        let right = problems.is_empty();
        println!("{}  {}", if right { "ok     " } else { "FAILED " }, case.name);
        problems.iter().for_each(|problem| println!("    {problem}"));
        if options.verbose {
            for (source, records) in sources.iter().zip(&found) {
                let own = of_case(index, records);
                own.iter().for_each(|record| println!("    [{}] {}", source.name(), compare::show(record)));
            }
        }
        *if right { &mut tally.passed } else { &mut tally.failed } += 1;
    }
    for source in sources {
        source.gaps().iter().for_each(|gap| println!("{}: {gap}", source.name()));
        for (what, count) in source.lost() {
            println!("FAILED   {}: lost {count} records ({what})", source.name());
            tally.failed += 1;
        }
    }
    Ok(tally)
}

/// What a child did.
struct Child {
    pid: i32,
    expectations: Vec<Expectation>,
    skipped: Option<String>,
    problems: Vec<String>,
}

fn run_child(index: usize, case: &Case) -> Result<Child> {
    let scratch = Path::new(scene::SCRATCH).join("case");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let mut ends = [0_i32; 2];
    // SAFETY: the kernel writes two descriptors there.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        bail!("pipe: {}", std::io::Error::last_os_error());
    }
    // SAFETY: both are open and nobody else's.
    let [mut reader, writer] = ends.map(|fd| File::from(unsafe { OwnedFd::from_raw_fd(fd) }));
    // SAFETY: this process has one thread, so the child may do anything.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => bail!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            drop(reader);
            child(index, case, &scratch, writer)
        }
        _ => drop(writer),
    }
    let mut told = Vec::new();
    reader.read_to_end(&mut told)?;
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(pid, &mut status, 0) };
    let mut child = Child { pid, expectations: Vec::new(), skipped: None, problems: Vec::new() };
    let mut done = false;
    for line in told.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(Message::Expect(expectation)) => child.expectations.push(expectation),
            Ok(Message::Skip(reason)) => child.skipped = Some(reason),
            Ok(Message::Broken(reason)) => {
                child.problems.push(format!("could not be brought about: {reason}"))
            }
            Ok(Message::Done) => done = true,
            Err(error) => child.problems.push(format!("the child's message is not understood: {error}")),
        }
    }
    if !done && child.skipped.is_none() && child.problems.is_empty() {
        child.problems.push(format!("the child ended before its time (status {status:#x})"));
    }
    if done && child.expectations.is_empty() && child.problems.is_empty() {
        child.problems.push("the case expects nothing".into());
    }
    Ok(child)
}

/// The child: plays the case, tells how it went, ends.
fn child(index: usize, case: &Case, scratch: &Path, pipe: File) -> ! {
    // SAFETY: a case that hangs is ended by the kernel.
    unsafe { libc::alarm(CASE_SECONDS) };
    populate();
    let mut trial = Trial::new(index, scratch, pipe);
    std::panic::set_hook(Box::new(|_| {}));
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let moved = std::env::set_current_dir(scratch);
        super::trial::or_broken(moved, "the working directory");
        (case.run)(&mut trial);
    }));
    match played {
        Ok(()) => trial.tell(&Message::Done),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            trial.tell(&Message::Broken(text.unwrap_or_else(|| "it panicked".into())));
        }
    }
    loop {
        native(libc::SYS_exit_group, &args![0]);
    }
}

/// Brings in all pages of this program: what a case names in a call must be there for the driver, too, even if the kernel
/// refuses the call before it looks.
fn populate() {
    /// `MADV_POPULATE_READ`.
    const POPULATE_READ: i32 = 22;
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for line in maps.lines().filter(|line| line.contains("saker-live")) {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let Some((start, end)) = range else { continue };
        let number = |text| u64::from_str_radix(text, 16).unwrap_or(0);
        native(libc::SYS_madvise, &args![number(start), number(end) - number(start), POPULATE_READ]);
    }
}

/// Takes the records of each source up to the end of the child, or until it takes too long.
fn collect(sources: &mut [Box<dyn Source>], pid: i32) -> Vec<Vec<Recorded>> {
    let deadline = Instant::now() + RECORDS_TIMEOUT;
    sources
        .iter_mut()
        .map(|source| {
            let mut records = Vec::new();
            let ended = |records: &[Recorded]| {
                records.iter().any(|record| {
                    record.header.event == event::PROCEXIT_1_E && record.header.tid == pid as u32
                })
            };
            loop {
                source.drain(&mut records);
                if ended(&records) || Instant::now() > deadline {
                    break records;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        })
        .collect()
}

/// The records between the first and the last mark of a case.
fn of_case(index: usize, records: &[Recorded]) -> Vec<&Recorded> {
    let first = index as u32 * BRACKETS_PER_CASE;
    let is_any_mark = |record: &Recorded| {
        (first..first + BRACKETS_PER_CASE).any(|bracket| {
            let (before, after) = marks(bracket);
            compare::is_mark(record, before) || compare::is_mark(record, after)
        })
    };
    let start = records.iter().position(is_any_mark);
    let end = records.iter().rposition(is_any_mark);
    match (start, end) {
        (Some(start), Some(end)) => records[start..=end].iter().filter(|one| !is_any_mark(one)).collect(),
        _ => Vec::new(),
    }
}

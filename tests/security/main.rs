//! Hostile input: no text, rule file, capture or record makes Saker panic, hang or grow without bound.
//!
//! The functions and their seeds are those that libFuzzer runs (`fuzz/`). Here each runs over its seeds, and over
//! mutations of them that are the same on every machine; `scripts/fuzz` searches on from there.

mod bombs;
// There it is a crate of its own.
#[allow(unreachable_pub)]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;
mod mutate;

use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use fuzz::{TARGETS, seeds};
use mutate::Mutator;
use saker::capture::scap::ScapReader;
use saker::event::EVENTS;
use saker_probe::wire::record::{Record, SLOT_SIZE};

/// No input of these sizes may take longer, on a slow machine, in a debug build.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a target's cuts and mutations are tried; the seeds themselves always are.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs one input, and holds it to the time limit.
fn feed(target: &fuzz::Target, input: &[u8]) {
    let start = Instant::now();
    (target.run)(input);
    let took = start.elapsed();
    assert!(took < LONGEST, "{}: {took:?} for {:?}", target.name, String::from_utf8_lossy(input));
}

#[track_caller]
fn target(name: &str) -> (&'static fuzz::Target, Vec<Vec<u8>>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    let seeds = seeds(&root, name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    (target, seeds)
}

fn survives(name: &str) {
    let (target, seeds) = target(name);
    seeds.iter().for_each(|seed| feed(target, seed));

    // Every way to cut a small seed short, a few ways to cut a large one; then mutations.
    let cuts = seeds.iter().flat_map(|seed| {
        let step = seed.len() / 16 + 1;
        (0..seed.len()).step_by(step).map(|end| seed[..end].to_vec())
    });
    let mut mutator = Mutator::new(&seeds);
    let mutations = std::iter::from_fn(|| Some(mutator.next().to_vec())).take(20_000);
    let start = Instant::now();
    for input in cuts.chain(mutations).take_while(|_| start.elapsed() < PATIENCE) {
        feed(target, &input);
    }
}

#[test]
fn conditions() {
    survives("condition");
}

#[test]
fn rule_files() {
    survives("rules_file");
}

#[test]
fn test_files() {
    survives("test_file");
}

/// A seed that is refused would test nothing of what comes behind.
#[test]
fn the_seed_test_files_are_read() {
    for seed in target("test_file").1 {
        let file = saker::rule_tests::TestFile::read("seed", &seed);
        assert!(file.is_ok_and(|file| !file.cases.is_empty()));
    }
}

#[test]
fn captures() {
    survives("scap");
}

#[test]
fn replays() {
    survives("replay");
}

#[test]
fn records() {
    survives("record");
}

#[test]
fn messages_of_plugins() {
    survives("plugin");
}

#[test]
fn the_seed_records_are_sound() {
    let (_, seeds) = target("record");
    let mut records = 0;
    for seed in seeds {
        let mut rest = seed.as_slice();
        while !rest.is_empty() {
            let record = Record::decode(rest).expect("a sound record");
            rest = &rest[usize::from(record.header.slots) * SLOT_SIZE..];
            records += 1;
        }
    }
    assert_eq!(records, EVENTS.len());
}

/// Seeds that are refused at their first byte would test nothing.
#[test]
fn the_seed_captures_are_read_to_their_end() {
    let (_, seeds) = target("scap");
    let mut events = 0;
    for seed in seeds {
        let mut reader = ScapReader::new(Cursor::new(seed)).expect("a capture");
        while reader.next_section().expect("sound tables").is_some() {
            while reader.next().expect("a sound event").is_some() {}
        }
        events += reader.stats().event_blocks;
    }
    assert!(events > 454, "only {events} events");
}

//! What is fuzzed, and from where: a function for each kind of hostile input, and its seeds.
//!
//! libFuzzer calls the functions from `fuzz/targets`; `tests/security` includes this file and runs the same functions
//! over the same seeds as plain tests. Each must return on any input: no panic, no hang, no memory without bound.

mod replay;
mod seeds;

use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;
use std::sync::LazyLock;

use saker::capture::scap::{ScapError, ScapReader};
use saker::config::Config;
use saker::fields::FieldSchema;
use saker::plugins::protocol::{Reply, decode, receive};
use saker::plugins::raw::RawEvent;
use saker::rule_tests::{Case, RuleSet, TestFile};
use saker::rules::{Environment, Loader, Plugin, describe};
use saker_probe::wire::record::{HEADER_SIZE, Record, SLOT_SIZE};

pub use replay::replay;
pub use seeds::seeds;

/// A kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of the libFuzzer binary, and of the folder of its seeds.
    pub name: &'static str,
    /// Feeds it.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "condition", run: condition },
    Target { name: "rules_file", run: rules_file },
    Target { name: "test_file", run: test_file },
    Target { name: "scap", run: scap },
    Target { name: "replay", run: replay },
    Target { name: "record", run: record },
    Target { name: "plugin", run: plugin },
];

/// What the process of a plugin sends, as a frame; and the same bytes as an event and as a list of fields of a plugin.
pub fn plugin(data: &[u8]) {
    let mut buffer = Vec::new();
    if receive(&mut &*data, &mut buffer).is_ok() {
        let _ = black_box(decode::<Reply<'_>>(&buffer));
    }
    let _ = black_box(saker::plugins::info::fields(data));
    for event in [RawEvent::of_source(data.to_vec(), 999, 1), RawEvent::asynchronous(data.to_vec(), 999, 1)] {
        let Ok(event) = event else { continue };
        black_box((event.time(), event.name(), event.param(0), event.param(31), event.param(usize::MAX)));
    }
}

/// All fields there are.
static SCHEMA: LazyLock<FieldSchema> = LazyLock::new(|| FieldSchema::new(true));

/// The text of a condition: parsed, printed and typed, or refused with diagnostics.
pub fn condition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match saker_filter::parse(text, saker_filter::parse::RULE_DEPTH) {
        Ok(expr) => {
            black_box(expr.to_string());
            match saker_filter::check(&expr, &*SCHEMA) {
                Ok(checked) => drop(black_box(checked)),
                Err(diagnostics) => {
                    diagnostics.iter().for_each(|diagnostic| drop(black_box(diagnostic.render(text))));
                }
            }
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty(), "refused without a reason");
            diagnostics.iter().for_each(|diagnostic| drop(black_box(diagnostic.render(text))));
        }
    }
}

/// A rule file: loaded, its findings shown as text and JSON, its rules described.
pub fn rules_file(data: &[u8]) {
    let plugins = [Plugin::container()];
    let environment =
        Environment { schema: &*SCHEMA, others: Vec::new(), plugins: &plugins, append_output: &[] };
    let mut loader = Loader::new(environment);
    let result = loader.load("rules.yaml", data);
    assert_eq!(result.successful(), result.errors.is_empty());
    black_box(result.json(loader.sources()));
    for finding in result.errors.iter().chain(&result.warnings).chain(&result.further_errors) {
        black_box(finding.render(loader.sources()));
    }
    if result.successful() {
        black_box(describe(&loader));
        black_box(loader.rules().count());
    }
}

/// A file of rule tests: refused with places, or its scripted cases run against rules of the names that it gives.
pub fn test_file(data: &[u8]) {
    static CONFIG: LazyLock<Config> = LazyLock::new(Config::default);
    const MOST: usize = 8;
    let mut file = match TestFile::read("r.test.yaml", data) {
        Ok(file) => file,
        Err((source, problems)) => {
            assert!(!problems.is_empty(), "refused without a reason");
            problems.iter().for_each(|problem| drop(black_box(problem.render(&source))));
            return;
        }
    };
    // Recordings would be read from wherever the input says.
    file.cases.retain(Case::is_scripted);
    file.cases.truncate(MOST);
    let mut rules = String::new();
    for case in &file.cases {
        let name = serde_json::Value::from(case.rule.as_str());
        rules.push_str(&format!(
            "- rule: {name}\n  desc: d\n  condition: fd.name startswith /\n  output: '%evt.args'\n  priority: INFO\n"
        ));
    }
    let plugins = [Plugin::container()];
    let environment =
        Environment { schema: &*SCHEMA, others: Vec::new(), plugins: &plugins, append_output: &[] };
    let Ok(set) = RuleSet::load_with(&[], &rules, environment, &CONFIG) else { return };
    black_box(set.run(&file, Path::new("")));
    black_box(set.mutate(&file, Path::new(""), &[]).is_ok());
}

/// A capture file: read to its end, or to the damage.
pub fn scap(data: &[u8]) {
    if let Err(error) = read(data) {
        black_box(error.to_string());
    }
}

fn read(data: &[u8]) -> Result<(), ScapError> {
    let mut reader = ScapReader::new(Cursor::new(data.to_vec()))?;
    while let Some(snapshot) = reader.next_section()? {
        black_box(snapshot);
        while let Some(event) = reader.next()? {
            for index in 0..event.param_count() {
                black_box((event.param_u64(index), event.param_i64(index), event.param_str(index)));
            }
        }
    }
    black_box(reader.stats());
    Ok(())
}

/// Records of a driver one after the other, as they follow each other in a ring: each taken, or refused.
pub fn record(data: &[u8]) {
    let mut rest = data;
    while let Ok(record) = Record::decode(rest) {
        assert_eq!(record.parameters().count(), usize::from(record.header.parameters));
        // Kinds of extras that are newer than this version are passed over.
        assert!(record.extras().count() <= usize::from(record.header.extras));
        for parameter in record.parameters().chain(record.extras().map(|(_, extra)| extra)) {
            black_box((parameter.bytes.len(), parameter.truncated));
        }
        assert_eq!(record.header.to_bytes(), rest[..HEADER_SIZE], "a header comes back as it was");
        rest = rest.get(usize::from(record.header.slots) * SLOT_SIZE..).unwrap_or_default();
    }
}

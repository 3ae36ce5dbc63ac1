//! The parser against Falco's verdicts on the filters of the conformance corpus, where that is at hand: beside the
//! repository, or where SAKER_CONFORMANCE says.

use std::path::PathBuf;

use saker_filter::parse;
use saker_filter::parse::RULE_DEPTH;

fn corpus(file: &str) -> Option<String> {
    let root = match std::env::var_os("SAKER_CONFORMANCE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
    };
    std::fs::read_to_string(root.join(file)).ok()
}

/// The column at which the corpus puts the first byte of a condition, less one: its rules are `  condition: …`.
const CONDITION_COLUMN: u32 = 13;

#[test]
fn filters_parse_as_in_falco() {
    let Some(cases) = corpus("filters/parse.jsonl") else { return };
    let mut wrong = Vec::new();
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let filter = case["filter"].as_str().unwrap();
        let result = parse(filter, RULE_DEPTH);
        if result.is_ok() != (case["expect"] == "accept") {
            wrong.push(format!("{filter}: {:?}", result.err()));
            continue;
        }
        let Err(diagnostics) = result else { continue };
        let (_, column) = saker_filter::diagnostic::position(filter, diagnostics[0].at);
        let expected = (case["oracle_message"].as_str().unwrap(), case["oracle_position"].as_u64().unwrap());
        if (diagnostics[0].message.as_str(), u64::from(column + CONDITION_COLUMN)) != expected {
            wrong.push(format!("{filter}: {:?} {column}, expected {expected:?}", diagnostics[0]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

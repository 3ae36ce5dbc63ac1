//! Load results: the verdict, the codes with the items that they are about, and what rules, macros and lists compile
//! to, against Falco's. Texts and positions of findings are counted too, on a line of their own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use saker::config::AppendOutput;
use saker::fields::FieldSchema;
use saker::rules::{Environment, Finding, Loader, Plugin, Source, describe};
use serde_json::Value;

use crate::{Score, corpus};

/// Cases in which Saker is right and Falco is not; docs/compatibility.md says why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("800-own-null_doc", "an empty document ends nothing"),
    ("858-own-exc_replace", "a replaced exception gets its default operator"),
];

#[test]
fn rule_files_load_as_in_falco() {
    let Some(corpus) = corpus() else { return };
    let mut cases: Vec<_> = fs::read_dir(corpus.join("load"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expect.json").is_file())
        .collect();
    cases.sort();
    let mut strict = Score::new("load");
    let mut bonus = Score::new("load texts and positions");
    for case in cases {
        let expected: Value = serde_json::from_slice(&fs::read(case.join("expect.json")).unwrap()).unwrap();
        let id = expected["id"].as_str().unwrap().to_owned();
        if DIFFERENCES.iter().any(|(known, _)| *known == id) {
            continue;
        }
        let (differences, texts) = compare(&case, &expected);
        strict.add((!differences.is_empty()).then(|| format!("{id}: {}", differences.join("; "))));
        bonus.add((!texts.is_empty()).then(|| format!("{id}: {}", texts.join("; "))));
    }
    bonus.report(0.99);
    strict.report(1.0);
}

/// Loads a case; returns what differs in what must be equal, and in what should.
fn compare(case: &Path, expected: &Value) -> (Vec<String>, Vec<String>) {
    let container = expected["plugins"].as_array().unwrap().iter().any(|plugin| plugin == "container");
    let schema = FieldSchema::new(container);
    let plugins: Vec<Plugin> = container.then(Plugin::container).into_iter().collect();
    let append_output: Vec<AppendOutput> = Vec::new();
    let env =
        Environment { schema: &schema, others: Vec::new(), plugins: &plugins, append_output: &append_output };
    let mut loader = Loader::new(env);
    let mut results = Vec::new();
    for file in expected["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        results.push(loader.load(name, &fs::read(case.join(name)).unwrap()));
    }
    // Falco gave no result for these, only the error that ended it.
    if results.is_empty() || expected.get("fatal").is_some() {
        let valid = match results.is_empty() {
            true => only_file(case, &mut loader),
            false => results.iter().all(|result| result.successful()),
        };
        let equal = expected["valid"].as_bool().unwrap() == valid;
        return ((!equal).then(|| format!("valid: {valid}")).into_iter().collect(), Vec::new());
    }
    let mut differences = Vec::new();
    let mut texts = Vec::new();
    let different = |what: &str, expected: &Value, got: &Value, out: &mut Vec<String>| {
        if expected != got {
            out.push(format!("{what}: expected {expected}, got {got}"));
        }
    };
    let valid = results.iter().all(|result| result.successful());
    different("valid", &expected["valid"], &valid.into(), &mut differences);
    for (result, file) in results.iter().zip(expected["files"].as_array().unwrap()) {
        different("successful", &file["successful"], &result.successful().into(), &mut differences);
        different("schema_valid", &file["schema_valid"], &result.schema_valid.into(), &mut texts);
        let warnings = result.schema_warnings.clone();
        different("schema_warnings", &file["schema_warnings"], &warnings.into(), &mut texts);
    }
    for kind in ["errors", "warnings"] {
        let found: Vec<&Finding> = results
            .iter()
            .flat_map(|result| if kind == "errors" { &result.errors } else { &result.warnings })
            .collect();
        let wanted = expected[kind].as_array().unwrap();
        let codes = |finding: &Value| -> String {
            format!("{} {} {}", finding["code"], finding["item_type"], finding["item_name"])
        };
        let mut want: Vec<String> = wanted.iter().map(codes).collect();
        let mut got: Vec<String> =
            found.iter().map(|finding| codes(&json(finding, loader.sources()))).collect();
        let in_order = want == got;
        want.sort();
        got.sort();
        if want != got {
            differences.push(format!("{kind}: {}", diff(&want, &got)));
            continue;
        }
        if !in_order {
            texts.push(format!("{kind}: other order"));
            continue;
        }
        for (wanted, finding) in wanted.iter().zip(found) {
            let got = json(finding, loader.sources());
            different("message", &wanted["message"], &got["message"], &mut texts);
            different("locations", &wanted["locations"], &got["locations"], &mut texts);
        }
    }
    if let (true, Some(rules)) = (valid, expected.get("rules")) {
        let described = describe(&loader);
        compare_items("rule", rules, &described["rules"], &mut differences);
        compare_items("macro", &expected["macros"], &described["macros"], &mut differences);
        compare_items("list", &expected["lists"], &described["lists"], &mut differences);
        for key in ["required_engine_version", "required_plugin_versions"] {
            different(key, &expected[key], &described[key], &mut differences);
        }
    }
    (differences, texts)
}

fn only_file(case: &Path, loader: &mut Loader<'_>) -> bool {
    let mut files: Vec<_> = fs::read_dir(case)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files.iter().all(|file| loader.load("file", &fs::read(file).unwrap()).successful())
}

/// A finding in the form of the corpus.
fn json(finding: &Finding, sources: &[Source]) -> Value {
    let (kind, name) = finding.item();
    let locations: Vec<Value> = finding
        .locations(sources)
        .into_iter()
        .map(|location| {
            serde_json::json!({
                "item_type": location.item_type,
                "item_name": location.item_name,
                "file": location.name,
                "line": location.position.line,
                "column": location.position.column,
            })
        })
        .collect();
    serde_json::json!({
        "code": finding.code.code(),
        "message": finding.message,
        "item_type": kind.text(),
        "item_name": name,
        "locations": locations,
    })
}

/// Compares every key that the corpus has of an item with the same key of its description.
fn compare_items(kind: &str, expected: &Value, described: &Value, out: &mut Vec<String>) {
    let (expected, described) = (expected.as_array().unwrap(), described.as_array().unwrap());
    let names = |items: &[Value]| -> Vec<String> {
        items.iter().map(|item| item.get("info").unwrap_or(item)["name"].to_string()).collect()
    };
    let (want, got) = (names(expected), names(described));
    if want != got {
        out.push(format!("{kind}s: {}", diff(&want, &got)));
        return;
    }
    for (want, got) in expected.iter().zip(described) {
        for (key, want) in want.as_object().unwrap() {
            let events = got["details"]["events"].as_array().map_or(0, Vec::len);
            if key == "events_count" {
                if want.as_u64() != Some(events as u64) {
                    out.push(format!("{kind} {key}: expected {want}, got {events}"));
                }
                continue;
            }
            // The names, of which there are many, are hashed; their number says as much.
            if key == "events_sha256" {
                continue;
            }
            let got = got["details"].get(key).unwrap_or(&got["info"][key]);
            if want != got {
                out.push(format!("{kind} {key}: expected {want}, got {got}"));
            }
        }
    }
}

fn diff(want: &[String], got: &[String]) -> String {
    let (wanted, found): (BTreeSet<_>, BTreeSet<_>) = (want.iter().collect(), got.iter().collect());
    let missing: Vec<_> = wanted.difference(&found).collect();
    let extra: Vec<_> = found.difference(&wanted).collect();
    format!("expected {} got {}, missing {missing:?}, extra {extra:?}", want.len(), got.len())
}

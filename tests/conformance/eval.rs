//! Data set `eval`: conditions over captures. Each is true for the same events as in Falco, or refused like there.

use std::collections::BTreeMap;
use std::path::Path;

use saker::capture::scap::ScapReader;
use saker::config::{Config, RuleMatching};
use saker::detect::Detector;
use saker::fields::{FieldSchema, Services};
use saker::pipeline::Pipeline;
use saker::rules::{Environment, Loader};
use saker_filter::{Condition, EventSet};
use serde_json::{Value, json};

use crate::{Score, corpus, json_lines, oracle, read};

/// How many numbers of events `first_evt_nums` has at most.
const FIRST: usize = 5;

/// What was counted of a condition over a capture: how many events, and the numbers of the first.
type Matches = (u64, Vec<u64>);

#[test]
fn eval() {
    let Some(corpus) = corpus() else { return };
    if !oracle::surrounds("eval::eval") {
        return;
    }
    let services = Services::parse(oracle::services(&corpus).as_bytes());
    let schema = FieldSchema::new(false).with_services(services);
    let cases = json_lines(&corpus.join("eval/conditions.jsonl"));
    let text = |case: &Value, key: &str| case[key].as_str().unwrap_or_default().to_owned();

    // Each condition is compiled once, and all are evaluated in one pass over each capture.
    let prelude = read(&corpus.join("eval/prelude.yaml"));
    let mut verdicts = BTreeMap::new();
    for case in &cases {
        let load = || load(&schema, &prelude, &text(case, "condition"));
        verdicts.entry(text(case, "id")).or_insert_with(load);
    }
    let mut numbers = BTreeMap::new();
    let mut accepted = Vec::new();
    for (id, verdict) in &verdicts {
        if let Ok((condition, events)) = verdict {
            numbers.insert(id.clone(), accepted.len());
            accepted.push((condition, *events));
        }
    }
    let mut captures: BTreeMap<String, Vec<Matches>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case["capture"].is_string()) {
        captures.entry(text(case, "capture")).or_insert_with_key(|capture| {
            run_all(&corpus.join(format!("captures/{capture}.scap")), &accepted, &schema)
        });
    }

    let mut score = Score::new("eval");
    for case in &cases {
        let (id, capture) = (text(case, "id"), text(case, "capture"));
        let matches = numbers.get(&id).and_then(|&number| captures.get(&capture)?.get(number));
        let failure = judge(case, verdicts[&id].as_ref().err(), matches);
        let place = || format!("{id} {capture} [{}]", text(case, "condition"));
        score.add(failure.map(|failure| format!("{}: {failure}", place())));
    }
    score.report(0.99);
}

/// Says what differs.
fn judge(case: &Value, refused: Option<&String>, matches: Option<&Matches>) -> Option<String> {
    let wanted_error = case["error_contains"].as_str().unwrap_or_default();
    match (case["expect"].as_str(), refused) {
        // Why is only known where Falco lived to say it.
        (Some("reject"), Some(_)) if case["code"] == "FATAL" => None,
        (Some("reject"), Some(error)) => (!error.contains(wanted_error))
            .then(|| format!("refused with '{error}' instead of '{wanted_error}'")),
        (Some("reject"), None) => Some(format!("accepted, expected '{wanted_error}'")),
        (Some("runtime_error"), _) => None,
        (_, Some(error)) => Some(format!("refused with '{error}'")),
        (_, None) => {
            let (count, first) = matches.cloned().unwrap_or_default();
            let same = case["matches"] == count && case["first_evt_nums"] == json!(first);
            (!same).then(|| {
                format!("{count} {first:?} instead of {} {}", case["matches"], case["first_evt_nums"])
            })
        }
    }
}

/// Makes a condition the condition of a rule, behind the prelude.
fn load(schema: &FieldSchema, prelude: &[u8], condition: &str) -> Result<(Condition, EventSet), String> {
    let mut loader =
        Loader::new(Environment { schema, others: Vec::new(), plugins: &[], append_output: &[] });
    loader.load("prelude.yaml", prelude);
    let rule = json!([{
        "rule": "r", "desc": "d", "condition": condition, "output": "o", "priority": "DEBUG", "warn_evttypes": false,
    }]);
    let result = loader.load("rule.yaml", rule.to_string().as_bytes());
    if let Some(error) = result.errors.first() {
        return Err(error.message.clone());
    }
    let rule = loader.rules().next().ok_or("no rule was loaded")?;
    Ok((rule.condition.clone(), rule.events))
}

/// [`run`] in several threads, each with a part of the conditions.
fn run_all(capture: &Path, conditions: &[(&Condition, EventSet)], schema: &FieldSchema) -> Vec<Matches> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let part = conditions.len().div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let start = |part: &'_ [(&'_ Condition, EventSet)]| {
            let detector = Detector::new(part.iter().copied(), schema, RuleMatching::All);
            let count = part.len();
            scope.spawn(move || run(capture, detector, count))
        };
        let handles: Vec<_> = conditions.chunks(part).map(start).collect();
        handles.into_iter().flat_map(|handle| handle.join().expect("the evaluation panicked")).collect()
    })
}

/// Counts for each condition the events for which it is true.
fn run(capture: &Path, mut detector: Detector, conditions: usize) -> Vec<Matches> {
    let mut matches = vec![(0, Vec::new()); conditions];
    let mut pipeline = Pipeline::new(&Config::default());
    let mut reader = ScapReader::open(capture).expect("the corpus is intact");
    while let Some(snapshot) = reader.next_section().expect("the corpus is intact") {
        pipeline.begin(snapshot);
        while let Some(event) = reader.next().expect("the corpus is intact") {
            pipeline.event(&event, detector.wants(event.id), |context| {
                detector.detect(context, |condition| {
                    let (count, first): &mut Matches = &mut matches[condition];
                    *count += 1;
                    if first.len() < FIRST {
                        first.push(event.num);
                    }
                });
            });
        }
    }
    matches
}

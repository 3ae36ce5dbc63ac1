//! Data set `fields`: the value of every field on the events of a capture.

use std::collections::BTreeMap;
use std::path::Path;

use saker::capture::scap::ScapReader;
use saker::config::Config;
use saker::fields::{EventContext, FieldSchema, render_json};
use saker::pipeline::Pipeline;
use saker_filter::{Field, Schema};
use serde_json::Value;

use crate::{corpus, json_lines, read};

/// Share of values that must be equal.
const FLOOR: f64 = 0.999;

/// How often a check was asked is not Saker's business: it asks each once.
const COUNTERS: [&str; 1] = ["util.cnt"];

/// Fields of one run, by name; one that cannot be printed is `None`, and its value null.
type Asked = Vec<(String, Option<Field>)>;

#[test]
fn fields() {
    let Some(corpus) = corpus() else { return };
    let mut totals = Totals::default();
    let mut captures: Vec<_> = std::fs::read_dir(corpus.join("fields"))
        .expect("the corpus is intact")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| !path.ends_with("refused.json"))
        .collect();
    captures.sort();
    for path in captures {
        let case: Value = serde_json::from_slice(&read(&path)).expect("the corpus is intact");
        compare(&corpus, &case, &mut totals);
    }
    totals.report();
}

/// Compares one capture. The container plugin's fields come from a second run, as in the corpus.
fn compare(corpus: &Path, case: &Value, totals: &mut Totals) {
    let names = |key: &str| -> Vec<String> {
        let listed = case[key].as_array().expect("the corpus is intact");
        listed.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let file = |key: &str| corpus.join(case[key].as_str().expect("the corpus is intact"));
    let expected: BTreeMap<u64, Value> = json_lines(&file("data"))
        .into_iter()
        .filter_map(|line| Some((line["evt.num"].as_u64()?, line)))
        .collect();

    let left_out = names("order_dependent");
    let of_plugin = names("container_plugin_fields");
    let asked = |plugin: bool| {
        let wanted = names("fields_requested").into_iter().filter(|name| {
            plugin == of_plugin.contains(name)
                && !left_out.contains(name)
                && !COUNTERS.contains(&name.as_str())
        });
        let schema = FieldSchema::new(plugin);
        wanted.map(|name| (name.clone(), resolve(&schema, &name))).collect::<Asked>()
    };
    for (options, asked) in [(&["saker.builtin_plugins=[]".to_owned()][..], asked(false)), (&[], asked(true))]
    {
        let config = Config::from_options(options).expect("options that exist");
        let mut pipeline = Pipeline::new(&config);
        let mut reader = ScapReader::open(&file("capture")).expect("a capture");
        let mut seen = 0;
        while let Some(snapshot) = reader.next_section().expect("a capture") {
            pipeline.begin(snapshot);
            while let Some(event) = reader.next().expect("a capture") {
                let Some(line) = expected.get(&event.num) else {
                    pipeline.event(&event, false, |_| ());
                    continue;
                };
                let shown = pipeline.event(&event, true, |context| totals.event(case, context, &asked, line));
                seen += usize::from(shown.is_some());
            }
        }
        totals.missing += expected.len() - seen;
    }
}

/// The field that an output means by `name`.
fn resolve(schema: &FieldSchema, name: &str) -> Option<Field> {
    let (bare, arg) = match name.strip_suffix(']').and_then(|open| open.split_once('[')) {
        Some((bare, arg)) => (bare, Some(arg.as_bytes())),
        None => (name, None),
    };
    schema.resolve(bare, arg).ok()
}

#[derive(Default)]
struct Totals {
    equal: usize,
    different: BTreeMap<String, (usize, String)>,
    missing: usize,
}

impl Totals {
    fn event(&mut self, case: &Value, context: &EventContext<'_>, asked: &Asked, line: &Value) {
        for (name, field) in asked {
            let value = field.as_ref().map_or(Value::Null, |field| json(context, field));
            let expected = line.get(name).cloned().unwrap_or(Value::Null);
            // The corpus leaves out empty payloads, because Falco shows stale bytes there.
            let empty_payload = name == "evt.buffer" && expected.is_null() && value == "";
            if same(&expected, &value) || empty_payload {
                self.equal += 1;
                continue;
            }
            let entry = self.different.entry(name.clone()).or_insert_with(|| {
                let event = format!("{} {}", line["evt.num"], line["evt.type"]);
                (0, format!("{} event {event}: {expected} but here {value}", case["capture"]))
            });
            entry.0 += 1;
        }
    }

    fn report(self) {
        let different: usize = self.different.values().map(|(count, _)| count).sum();
        let share = self.equal as f64 / (self.equal + different).max(1) as f64;
        println!("conformance fields: {}/{} ({:.3} %)", self.equal, self.equal + different, share * 100.0);
        println!("  events that were not seen: {}", self.missing);
        let mut worst: Vec<_> = self.different.iter().collect();
        worst.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let shown = if std::env::var_os("SAKER_CONFORMANCE_VERBOSE").is_some() { usize::MAX } else { 15 };
        for (name, (count, example)) in worst.into_iter().take(shown) {
            println!("  {count:6} {name}: {example}");
        }
        assert_eq!(self.missing, 0, "events of the corpus that rules did not meet");
        assert!(share >= FLOOR, "{share:.4} is below the floor {FLOOR}");
    }
}

fn json(context: &EventContext<'_>, field: &Field) -> Value {
    let Some(value) = context.shown(field) else { return Value::Null };
    let mut out = Vec::new();
    render_json(context, field, value, &mut out);
    serde_json::from_slice(&out).expect("values are written as JSON")
}

/// Whether two values are equal; the order of a list means nothing, and neither does the last digit of a fraction.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap_or(0.0), other.as_f64().unwrap_or(0.0));
            (one - other).abs() <= one.abs() * 1e-12
        }
        _ => one == other,
    }
}

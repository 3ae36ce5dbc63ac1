//! A whole replay: hostile captures under rules that ask everything of every event.

use std::fmt::Write;
use std::hint::black_box;
use std::io::Cursor;
use std::ops::ControlFlow;

use saker::alerts::{Alerts, LineCompiler};
use saker::capture::scap::{ScapError, ScapReader};
use saker::config::Config;
use saker::fields::{FIELDS, FieldSchema};
use saker::pipeline::Pipeline;
use saker::rules::{Environment, Loader, Plugin, Rule};
use saker_filter::{Field, Index, Remembered, Schema, Type};

/// All fields are printed by this many rules, of which each event meets one: a line of all would be slow to fuzz.
const PARTS: usize = 8;

thread_local! {
    /// Loaded and compiled once: what is fuzzed here is the capture.
    static RULES: Rules = load();
}

struct Rules {
    rules: &'static [Rule<'static>],
    index: Index,
    schema: &'static FieldSchema,
    config: Config,
}

/// A capture file: replayed, its alerts written.
pub fn replay(data: &[u8]) {
    RULES.with(|rules| {
        let _ = black_box(run(data, rules));
    });
}

fn run(data: &[u8], rules: &Rules) -> Result<(), ScapError> {
    let lines = LineCompiler { config: &rules.config, schema: rules.schema, hostname: "host" };
    // The first rules print all fields; of the others it matters only that they are evaluated.
    let mut alerts = Alerts::new(&rules.rules[..PARTS], &lines).expect("the rules of this file are sound");
    let mut pipeline = Pipeline::new(&rules.config);
    let mut remembered = Remembered::default();
    let mut reader = ScapReader::new(Cursor::new(data.to_vec()))?;
    let mut lines = Vec::new();
    while let Some(snapshot) = reader.next_section()? {
        pipeline.begin(snapshot);
        while let Some(event) = reader.next()? {
            let part = event.num as usize % PARTS;
            pipeline.event(&event, true, |context| {
                let key = context.process_key();
                rules.index.evaluate(event.id.0, context, key, &mut remembered, |rule| {
                    if rule as usize == part {
                        alerts.write(part, context, &mut lines);
                    }
                    ControlFlow::Continue(())
                });
            });
            for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                assert!(line.is_ascii() || std::str::from_utf8(line).is_ok(), "an alert is not UTF-8");
            }
            lines.clear();
        }
    }
    black_box(alerts.summary().to_string());
    Ok(())
}

fn load() -> Rules {
    let schema: &FieldSchema = Box::leak(Box::new(FieldSchema::new(true)));
    let options = ["json_output=true".to_owned(), "json_include_message_property=true".to_owned()];
    let config = Config::from_options(&options).expect("sound options");
    let plugins = Box::leak(Box::new([Plugin::container()]));
    let environment = Environment { schema, others: Vec::new(), plugins, append_output: &[] };
    let loader: &mut Loader = Box::leak(Box::new(Loader::new(environment)));
    let text = rules(schema);
    let result = loader.load("everything.yaml", text.as_bytes());
    assert!(result.successful(), "{:?}", result.errors);
    let rules: Vec<Rule> = loader.rules().collect();
    let index = Index::new(rules.iter().map(|rule| (rule.condition, rule.events)), schema);
    Rules { rules: rules.leak(), index, schema, config }
}

/// Rules that print and compare every field.
fn rules(schema: &FieldSchema) -> String {
    let fields: Vec<(String, Field)> = FIELDS.iter().flat_map(|info| spellings(schema, info.name)).collect();
    let printed: Vec<_> = fields.iter().filter(|(_, field)| !field.traits.filter_only).collect();
    let mut text = String::new();
    for part in 0..PARTS {
        let output: Vec<String> =
            printed.iter().skip(part).step_by(PARTS).map(|(name, _)| format!("%{name}")).collect();
        let _ = writeln!(
            text,
            "- {{rule: part {part}, desc: d, condition: evt.num > 0, warn_evttypes: false, priority: INFO, \
             output: '{}'}}",
            output.join(" ")
        );
    }
    for (name, field) in fields.iter().filter(|(_, field)| !field.traits.print_only) {
        let condition: Vec<String> = checks(name, field)
            .iter()
            .map(|check| check.replace('@', name))
            .filter(|c| valid(schema, c))
            .collect();
        if !condition.is_empty() {
            let _ = writeln!(
                text,
                "- {{rule: '{name}', desc: d, warn_evttypes: false, priority: INFO, output: o, condition: '{}'}}",
                condition.join(" or ")
            );
        }
    }
    text
}

fn valid(schema: &FieldSchema, condition: &str) -> bool {
    saker_filter::parse(condition, 100).is_ok_and(|expr| saker_filter::check(&expr, schema).is_ok())
}

/// The ways to write a field that exist, each with another kind of argument.
fn spellings(schema: &FieldSchema, name: &str) -> Vec<(String, Field)> {
    let plain = [("", None), (".res", None), (".fd", None), (".name", None), (".src", None), (".open", None)];
    let bracketed = ["0", "1", "30", "HOME", "ns", "app"].map(|argument| ("", Some(argument)));
    let all = plain.into_iter().chain(bracketed).chain([(".cpuset", None)]);
    all.filter_map(|(suffix, argument)| {
        let written = format!("{name}{suffix}");
        let field = schema.resolve(&written, argument.map(str::as_bytes)).ok()?;
        let argument = argument.map(|argument| format!("[{argument}]")).unwrap_or_default();
        Some((format!("{written}{argument}"), field))
    })
    .collect()
}

/// Fields of which everything is asked that can be asked of a string.
const DEAR: [&str; 4] = ["proc.cmdline", "fd.name", "evt.args", "fs.path.name"];

/// Checks that make the evaluation look at a value in all ways that its type allows; `@` is the field.
fn checks(name: &str, field: &Field) -> &'static [&'static str] {
    match field.ty {
        _ if field.traits.list => &["@ in (none)", "@ intersects (none, \"\")"],
        Type::Bool => &["@ = true", "@ exists"],
        // Operators see bytes, not fields: a few fields are enough for the dear ones.
        Type::Str if !DEAR.contains(&name) => &["@ = none", "@ contains \"/\" and @ startswith none"],
        Type::Str => &[
            "@ = none",
            "@ startswith \"/\" and @ endswith \"\" and @ icontains NONE and @ glob \"*[a-z]?\"",
            "@ regex \"(a|b)*c+[^d]{2,5}\"",
            "@ pmatch (/etc, /usr/bin)",
            "toupper(basename(@)) = NONE",
            "b64(@) contains none",
            "len(@) > 100000",
            "@ contains allof (one, two)",
        ],
        Type::Buf => &["@ bcontains cafe and @ bstartswith 00", "@ contains none"],
        Type::Ip => &["@ = 127.0.0.2", "@ in (::1, 10.0.0.1)"],
        Type::Net => &["@ in (10.0.0.0/8, fd00::/8)"],
        _ => &["@ > 5 and @ < 4", "@ in (77777)", "@ = 8"],
    }
}

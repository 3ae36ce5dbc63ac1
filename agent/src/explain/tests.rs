//! Each clause of rules, over the events of a recording.

use saker_filter::Schema;

use super::*;
use crate::capture::scap::ScapReader;
use crate::config::Config;
use crate::config::RuleMatching;
use crate::detect::Detector;
use crate::fields::FieldSchema;
use crate::pipeline::Pipeline;
use crate::rules::{Environment, Plugin};

const RULES: &str = "
- list: secrets
  items: [/etc/shadow, /etc/gshadow]
- macro: opened
  condition: evt.type in (open, openat) and evt.is_open_read = true
- rule: r
  desc: d
  condition: opened and (fd.name in (secrets) or basename(fd.name) = passwd) and not proc.name in (ls, id)
  exceptions:
    - name: known
      fields: [proc.name, fd.name]
      values: [[cat, /etc/shadow]]
  output: o
  priority: INFO
- rule: s
  desc: d
  condition: not (evt.type != openat or proc.aname in (bash) or fd.name exists) or proc.name startswith c
  output: o
  priority: INFO
";

fn over(look: &mut dyn FnMut(&EventContext<'_>)) {
    let mut pipeline = Pipeline::new(&Config::default());
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/vm_small.scap.gz");
    let mut reader = ScapReader::open(capture.as_ref()).unwrap();
    while let Some(snapshot) = reader.next_section().unwrap() {
        pipeline.begin(snapshot);
        while let Some(event) = reader.next().unwrap() {
            pipeline.event(&event, true, |context| look(context));
        }
    }
}

fn shown(explanation: &Explanation) -> String {
    let lines: Vec<String> = explanation.root.deciding().iter().map(|step| step.line()).collect();
    format!("{} at {}\n{}", explanation.truth, explanation.distance, lines.join("\n"))
}

#[test]
fn explanations_agree_with_the_rules() {
    let schema = FieldSchema::new(true);
    let plugins = [Plugin::container()];
    let mut loader = Loader::new(Environment {
        schema: &schema,
        others: Vec::new(),
        plugins: &plugins,
        append_output: &[],
    });
    assert!(loader.load("r.yaml", RULES.as_bytes()).successful());
    let rules: Vec<_> = loader.rules().collect();
    let conditions = rules.iter().map(|rule| (rule.condition, schema.all_events()));
    let mut detector = Detector::new(conditions, &schema, RuleMatching::All);
    let mut explainers: Vec<_> = rules.iter().map(|rule| Explainer::new(&loader, rule, &schema)).collect();
    let (mut shadow, mut passwd, mut silent) = (None, None, None);
    let mut counts = [[0; 2]; 2];
    over(&mut |context| {
        let mut found = [false; 2];
        detector.detect(context, |rule| found[rule] = true);
        for (rule, explainer) in explainers.iter_mut().enumerate() {
            let (truth, distance) = explainer.distance(context);
            assert_eq!(truth, found[rule], "event {}", context.event().num);
            assert!(distance > 0);
            counts[rule][usize::from(truth)] += 1;
        }
        let fd = context.shown(&schema.resolve("fd.name", None).unwrap());
        let name = context.shown(&schema.resolve("proc.name", None).unwrap());
        let slot = match (fd, name, found[0]) {
            (
                Some(saker_filter::Value::Bytes(b"/etc/shadow")),
                Some(saker_filter::Value::Bytes(b"cat")),
                false,
            ) => &mut shadow,
            (Some(saker_filter::Value::Bytes(b"/etc/passwd")), _, true) => &mut passwd,
            (None, _, false) => &mut silent,
            _ => return,
        };
        if slot.is_none() {
            *slot = Some(shown(&explainers[0].explain(context)));
        }
    });
    assert!(counts.iter().flatten().all(|&count| count > 0), "{counts:?}");
    insta::assert_snapshot!(shadow.unwrap(), @"
    false at 1
    true:  proc.name = cat  [proc.name = cat]  exception 'known'  at r.yaml:10:7
    true:  fd.name = /etc/shadow  [fd.name = /etc/shadow]  exception 'known'  at r.yaml:10:7
    ");
    insta::assert_snapshot!(passwd.unwrap(), @"
    true at 1
    true:  evt.type in (open, openat)  [evt.type = openat]  at r.yaml:5:14
    true:  evt.is_open_read = true  [evt.is_open_read = true]  at r.yaml:5:45
    true:  basename(fd.name) = passwd  [basename(fd.name) = passwd]  at r.yaml:8:50
    false: proc.name in (ls, id)  [proc.name = bash]  at r.yaml:8:86
    false: proc.name = cat  [proc.name = bash]  exception 'known'  at r.yaml:10:7
    ");
    insta::assert_snapshot!(silent.unwrap(), @"
    false at 10
    false: evt.type in (open, openat)  [evt.type = switch]  at r.yaml:5:14
    ");
}

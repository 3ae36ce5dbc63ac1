//! Which fields tell the alerts of a rule apart from what it is meant for, and which values.

use std::collections::BTreeMap;

use saker_filter::Schema;
use serde_json::Value;

use super::Alert;

/// An exception that is suggested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Proposal {
    pub rule: String,
    /// The name of the exception.
    pub name: String,
    /// It does not exist yet.
    pub new: bool,
    /// It takes one field, whose values stand alone.
    pub single: bool,
    pub fields: Vec<String>,
    /// Values, each with the alerts that it removes.
    pub rows: Vec<(Vec<String>, usize)>,
    /// How many alerts it removes in all.
    pub alerts: usize,
    /// How many alerts the rule made.
    pub of: usize,
}

/// Fields that together say what happened, the narrowest first. A program alone would be too wide.
const CHOICES: &[&[&str]] = &[
    &["proc.exepath", "proc.pexepath", "fd.name"],
    &["proc.exepath", "fd.name"],
    &["proc.name", "proc.pname", "fd.name"],
    &["proc.name", "fd.name"],
    &["proc.exepath", "fs.path.name"],
    &["proc.exepath", "proc.pexepath"],
    &["container.image.repository", "proc.exepath"],
    &["container.image.repository", "proc.name"],
    &["proc.exepath", "proc.pcmdline"],
    &["proc.cmdline", "proc.pcmdline"],
    &["proc.name", "proc.pname"],
    &["proc.exepath", "user.name"],
    &["proc.cmdline", "user.name"],
    &["proc.cmdline"],
];

/// Rows of one exception beyond this are no exception any more.
const MAX_ROWS: usize = 100;

/// The exceptions of a rule as they are defined: name, fields, operators.
pub(super) type Existing<'e> = (&'e str, Vec<&'e str>, Vec<&'e str>);

/// Hands to `accept` exceptions that each remove at least `min` alerts a row. An alert is counted for the first exception
/// that removes it and is accepted.
pub(super) fn propose_all(
    rule: &str,
    existing: &[Existing<'_>],
    alerts: &[&Alert],
    min: usize,
    schema: &dyn Schema,
    accept: &mut dyn FnMut(&Proposal) -> bool,
) {
    let mut left: Vec<&Alert> = alerts.to_vec();
    let mut attempt = |name: &str, new: bool, fields: &[&str]| {
        let Some(proposal) = propose(rule, name, new, fields, &left, min, alerts.len()) else { return };
        if accept(&proposal) {
            let gone = |values: &Vec<String>| proposal.rows.iter().any(|(row, _)| row == values);
            left.retain(|alert| !values(alert, fields).is_some_and(|values| gone(&values)));
        }
    };
    // The more an exception asks, the less it silences.
    let mut existing: Vec<&Existing<'_>> = existing.iter().collect();
    existing.sort_by_key(|(_, fields, _)| std::cmp::Reverse(fields.len()));
    for (name, fields, comps) in existing {
        // A value of an alert is one value: operators that compare with one, or with a list that holds it.
        let fits = comps.iter().all(|comp| matches!(*comp, "=" | "==" | "in" | "startswith"));
        if fits && !fields.is_empty() {
            attempt(name, false, fields);
        }
    }
    for fields in CHOICES {
        if fields.iter().all(|field| schema.resolve(field, None).is_ok()) {
            let name = format!("seen_{}", fields.join("_").replace('.', "_"));
            attempt(&name, true, fields);
        }
    }
}

fn propose(
    rule: &str,
    name: &str,
    new: bool,
    fields: &[&str],
    left: &[&Alert],
    min: usize,
    of: usize,
) -> Option<Proposal> {
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for alert in left {
        if let Some(values) = values(alert, fields) {
            *counts.entry(values).or_default() += 1;
        }
    }
    let mut rows: Vec<(Vec<String>, usize)> =
        counts.into_iter().filter(|(_, count)| *count >= min.max(1)).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rows.truncate(MAX_ROWS);
    if rows.is_empty() {
        return None;
    }
    Some(Proposal {
        rule: rule.to_owned(),
        name: name.to_owned(),
        new,
        single: !new && fields.len() == 1,
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        alerts: rows.iter().map(|(_, count)| count).sum(),
        rows,
        of,
    })
}

/// What an alert shows of the fields; `None` if one is not shown or has no value.
fn values(alert: &Alert, fields: &[&str]) -> Option<Vec<String>> {
    let shown = |field: &&str| match alert.fields.get(*field)? {
        Value::String(text) if !text.is_empty() && text != "<NA>" && !text.contains(char::is_control) => {
            Some(text.clone())
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    fields.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::FieldSchema;

    fn alert(exe: &str, parent: &str) -> Alert {
        let fields = serde_json::json!({ "proc.exepath": exe, "proc.pexepath": parent, "user.name": "root" });
        Alert { rule: "r".to_owned(), fields: fields.as_object().unwrap().clone() }
    }

    fn of(existing: &[Existing<'_>], alerts: &[Alert], min: usize) -> Vec<Proposal> {
        let alerts: Vec<&Alert> = alerts.iter().collect();
        let mut found = Vec::new();
        propose_all("r", existing, &alerts, min, &FieldSchema::new(true), &mut |proposal| {
            found.push(proposal.clone());
            true
        });
        found
    }

    #[test]
    fn alike_alerts_become_rows() {
        let alerts =
            [alert("/a", "/p"), alert("/a", "/p"), alert("/b", "/p"), alert("/b", "/p"), alert("/c", "/q")];
        let found = of(&[], &alerts, 2);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].fields, ["proc.exepath", "proc.pexepath"]);
        assert_eq!((found[0].alerts, found[0].of, found[0].rows.len()), (4, 5, 2));
        let existing = [("known", vec!["proc.exepath"], vec!["in"])];
        let found = of(&existing, &alerts, 1);
        assert_eq!((found[0].name.as_str(), found[0].new, found[0].single), ("known", false, true));
        assert_eq!((found.len(), found[0].alerts), (1, 5));
        assert_eq!(of(&[], &alerts, 9), []);
        // What is refused leaves its alerts to others.
        let all: Vec<&Alert> = alerts.iter().collect();
        let mut tried = Vec::new();
        propose_all("r", &existing, &all, 2, &FieldSchema::new(true), &mut |proposal| {
            tried.push((proposal.name.clone(), proposal.alerts));
            proposal.new
        });
        let names: Vec<(&str, usize)> = tried.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(names, [("known", 4), ("seen_proc_exepath_proc_pexepath", 4)]);
    }
}

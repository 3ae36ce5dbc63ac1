//! The smallest audit policy that feeds the rules: which requests the API server must tell of, and how much.
//!
//! ```text
//! conditions -> needs (requests, level) -> without what others cover, the most telling first -> audit.k8s.io/v1 Policy
//! ```
//!
//! Of a policy's rules the first that fits a request decides. So those with a higher level come first, and a request that several
//! rules are about is told with as much as any of them asks for.

mod needs;
mod resources;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use saker_filter::Expr;
use saker_filter::ast::{FieldRef, Visitor};

use crate::k8s::scalar;
use crate::rules::Rule;

pub use needs::{ANY, Axis, Level, NONE, Need, Values};
use resources::{groups, names};

/// What loaded rules ask of the API server.
#[derive(Debug, Default)]
pub struct Policy {
    /// Requests that are told, the highest level first.
    pub entries: Vec<Entry>,
    /// Stages of requests that no rule asks for.
    pub omitted: Vec<&'static str>,
    /// Rules that can never be true.
    pub idle: Vec<String>,
    /// Fields of outputs that will be null at these levels, with their rule.
    pub null: Vec<(String, String)>,
}

/// A rule of a policy.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How much is told.
    pub level: Level,
    /// Of which requests.
    pub need: Need,
    /// The rules that ask for it.
    pub rules: BTreeSet<String>,
}

/// The stages that a request goes through. The first of them tells nothing that another does not.
const STAGES: [&str; 4] = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"];

impl Policy {
    /// What rules ask for. With `outputs` also what their outputs show, else only what decides.
    pub fn of<'r>(rules: impl Iterator<Item = Rule<'r>>, outputs: bool) -> Policy {
        let mut policy = Policy::default();
        let mut stages: Values = Some(BTreeSet::new());
        for rule in rules {
            let name = rule.labels.name.to_owned();
            let needs = Need::of(rule.expr);
            if needs.is_empty() {
                policy.idle.push(name);
                continue;
            }
            let mut level = Level::of_condition(rule.expr);
            for field in rule.template.names() {
                let (bare, arg) = match field.split_once('[') {
                    Some((bare, arg)) => (bare, Some(arg.trim_end_matches(']').trim_matches('"').as_bytes())),
                    None => (field, None),
                };
                match Level::of_field(bare, arg) {
                    wanted if wanted > level && outputs => level = wanted,
                    wanted if wanted > level => policy.null.push((name.clone(), field.to_owned())),
                    _ => {}
                }
            }
            let looks_at_pods = looks_at_pods(rule.expr);
            for need in needs {
                stages = stages.zip(need.values(Axis::Stage).as_ref()).map(|(all, more)| &all | more);
                let rules: BTreeSet<String> = [name.clone()].into();
                let need = need.without_stage();
                // What a patch made of a pod only stands in the answer.
                if let Some(need) = need.only_verb("patch").filter(|_| looks_at_pods) {
                    policy.entries.push(Entry { level: Level::RequestResponse, need, rules: rules.clone() });
                }
                policy.entries.push(Entry { level, need, rules });
            }
        }
        policy.omitted = STAGES.to_vec();
        policy.omitted.retain(|stage| match (&stages, *stage) {
            (_, "RequestReceived") => true,
            (Some(asked), stage) => !asked.contains(stage),
            (None, _) => false,
        });
        if policy.entries.is_empty() {
            policy.omitted.truncate(1);
        }
        policy.reduce();
        policy
    }

    /// Takes out what others cover, and joins what can be said at once.
    fn reduce(&mut self) {
        self.entries.sort_by(|one, other| (other.level, &one.need).cmp(&(one.level, &other.need)));
        loop {
            let before = self.entries.len();
            let mut kept: Vec<Entry> = Vec::new();
            for entry in self.entries.drain(..) {
                if let Some(other) = kept.iter_mut().find(|other| entry.need.is_within(&other.need)) {
                    other.rules.extend(entry.rules);
                    continue;
                }
                let joined = kept
                    .iter_mut()
                    .filter(|other| other.level == entry.level)
                    .find_map(|other| other.need.merged(&entry.need).map(|need| (other, need)));
                match joined {
                    Some((other, need)) => {
                        other.need = need;
                        other.rules.extend(entry.rules);
                    }
                    None => kept.push(entry),
                }
            }
            self.entries = kept;
            if self.entries.len() == before {
                return;
            }
        }
    }

    /// The policy as the API server reads it.
    pub fn yaml(&self) -> String {
        let mut out = String::from("apiVersion: audit.k8s.io/v1\nkind: Policy\n");
        let _ = writeln!(out, "omitStages: [{}]", self.omitted.join(", "));
        out.push_str("rules:\n");
        for entry in &self.entries {
            let shown: Vec<&str> = entry.rules.iter().take(MAX_NAMED).map(String::as_str).collect();
            let more = match entry.rules.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            // Names of rules come from files and may hold anything.
            let told = format!("{}{more}", shown.join(", ")).replace(char::is_control, " ");
            let _ = writeln!(out, "# {told}");
            let _ = writeln!(out, "- level: {}", entry.level.name());
            list(&mut out, "verbs", entry.need.values(Axis::Verb));
            list(&mut out, "users", entry.need.values(Axis::User));
            list(&mut out, "userGroups", entry.need.values(Axis::Group));
            list(&mut out, "namespaces", entry.need.values(Axis::Namespace));
            resources(&mut out, &entry.need);
        }
        out.push_str("# Nothing else is asked for.\n- level: None\n");
        out
    }
}

/// Whether a condition asks for what posture checks find.
fn looks_at_pods(condition: &Expr) -> bool {
    struct Found(bool);
    impl Visitor for Found {
        fn field(&mut self, field: &FieldRef) {
            self.0 |= field.name.starts_with("saker.ka.pod.");
        }
    }
    let mut found = Found(false);
    condition.visit(&mut found);
    found.0
}

/// The most rules that are named beside an entry.
const MAX_NAMED: usize = 6;

fn list(out: &mut String, key: &str, values: &Values) {
    if let Some(values) = values {
        let values: Vec<String> = values.iter().map(|value| scalar(value)).collect();
        let _ = writeln!(out, "  {key}: [{}]", values.join(", "));
    }
}

/// The resources, by their API groups. Where one is not known, or none is named, requests of all resources are told.
fn resources(out: &mut String, need: &Need) {
    let Some(resources) = need.values(Axis::Resource) else { return };
    let mut by_group: Vec<(&str, Vec<String>)> = Vec::new();
    for resource in resources {
        let Some(groups) = groups(resource) else {
            let _ = writeln!(
                out,
                "  # The API group of '{}' is not known here: all resources.",
                resource.replace(char::is_control, " ")
            );
            return;
        };
        for group in groups {
            let at = by_group.iter().position(|(known, _)| *known == group);
            let at = at.unwrap_or_else(|| {
                by_group.push((group, Vec::new()));
                by_group.len() - 1
            });
            by_group[at].1.extend(names(resource, need.values(Axis::Subresource)));
        }
    }
    out.push_str("  resources:\n");
    for (group, names) in by_group {
        let names: Vec<String> = names.iter().map(|name| scalar(name)).collect();
        let _ = writeln!(out, "  - {{group: \"{group}\", resources: [{}]}}", names.join(", "));
    }
}

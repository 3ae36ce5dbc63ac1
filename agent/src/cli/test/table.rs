//! `saker test --format markdown`: all rules with what proves them, for the documentation.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Tested;
use crate::alerts::RuleLabels;
use crate::rule_tests::{Expect, Verdict};
use crate::rules::Rule;

/// A rule as the table shows it.
#[derive(Debug)]
pub(super) struct Described {
    /// Its name.
    pub name: String,
    /// Its priority.
    pub priority: String,
    /// Its tags.
    pub tags: Vec<String>,
}

impl Described {
    /// What the table shows of a rule.
    pub(super) fn of(rule: &Rule<'_>) -> Described {
        let RuleLabels { name, priority, tags, .. } = &rule.labels;
        Described { name: (*name).to_owned(), priority: priority.word().to_owned(), tags: tags.to_vec() }
    }
}

/// What the tags of a rule say of its tactics.
const TACTIC: &str = "mitre_";
/// What the tags of a rule say of its maturity.
const MATURITY: &str = "maturity_";

/// A section for each tactic, in the order of the files, with a row for each rule.
pub(super) fn markdown(tested: &[Tested], out: &mut impl Write) -> io::Result<()> {
    let rules: Vec<&Described> = tested.iter().flat_map(|file| &file.rules).collect();
    let mut proofs: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for outcome in
        tested.iter().flat_map(|file| &file.outcomes).filter(|outcome| outcome.verdict == Verdict::Passed)
    {
        let (attacks, honest) = proofs.entry(&outcome.rule).or_default();
        match outcome.expect {
            Expect::Alert => *attacks += 1,
            Expect::Silence => *honest += 1,
        }
    }
    let attacks: usize = proofs.values().map(|(attacks, _)| attacks).sum();
    let honest: usize = proofs.values().map(|(_, honest)| honest).sum();
    writeln!(
        out,
        "# Rules\n\nPrinted by `saker test --format markdown`. {} rules; {attacks} attacks fire them, and {honest} look-alikes of attacks\n\
         do not. An attack or look-alike is a test beside the rule ([rule-tests.md](rule-tests.md)).",
        rules.len()
    )?;
    let mut tactics: Vec<&str> = Vec::new();
    for rule in &rules {
        let tactic = tagged(rule, TACTIC).next().unwrap_or_default();
        if !tactics.contains(&tactic) {
            tactics.push(tactic);
        }
    }
    for tactic in tactics {
        let title = if tactic.is_empty() { "other".to_owned() } else { tactic.replace('_', " ") };
        let (first, rest) = title.split_at(title.chars().next().map_or(0, char::len_utf8));
        writeln!(out, "\n## {}{rest}\n", first.to_uppercase())?;
        writeln!(out, "| Rule | Techniques | Priority | Maturity | Where | Attacks | Look-alikes |")?;
        writeln!(out, "|---|---|---|---|---|---:|---:|")?;
        for rule in rules.iter().filter(|rule| tagged(rule, TACTIC).next().unwrap_or_default() == tactic) {
            let techniques: Vec<String> =
                rule.tags.iter().filter(|tag| is_technique(tag)).map(|tag| tag.to_string()).collect();
            let maturity = tagged(rule, MATURITY).next().unwrap_or_default();
            let places =
                ["host", "container"].into_iter().filter(|place| rule.tags.iter().any(|tag| tag == place));
            let places: Vec<&str> = places.collect();
            let (attacks, honest) = proofs.get(rule.name.as_str()).copied().unwrap_or_default();
            writeln!(
                out,
                "| {} | {} | {} | {maturity} | {} | {attacks} | {honest} |",
                rule.name.replace('|', "\\|"),
                techniques.join(", "),
                rule.priority,
                places.join(", "),
            )?;
        }
    }
    Ok(())
}

fn tagged<'r>(rule: &'r Described, prefix: &'static str) -> impl Iterator<Item = &'r str> {
    rule.tags.iter().filter_map(move |tag| tag.strip_prefix(prefix))
}

/// Whether a tag is the number of a technique: `T1059` or `T1059.004`.
fn is_technique(tag: &str) -> bool {
    tag.strip_prefix('T').is_some_and(|number| {
        number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && number.len() >= 4
    })
}

//! How `saker test` prints what it found: for people, as JSON, and as JUnit's XML.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Args, Tested};
use crate::alerts::printable;
use crate::rule_tests::{Mutant, Survey, Verdict};

/// How many mutants were tried and how many noticed.
fn mutants(tested: &[Tested]) -> (usize, usize) {
    let surveys = || tested.iter().flat_map(|file| &file.surveys);
    (surveys().map(|survey| survey.tried).sum(), surveys().map(Survey::noticed).sum())
}

/// Noticed mutants in percent, rounded down; all of none is 100.
fn percent(tested: &[Tested]) -> usize {
    let (tried, noticed) = mutants(tested);
    (noticed * 100).checked_div(tried).unwrap_or(100)
}

/// Whether as many mutants are noticed as must be.
pub(super) fn enough(tested: &[Tested], args: &Args) -> bool {
    args.min_noticed.is_none_or(|least| percent(tested) >= usize::from(least))
}

fn counts(tested: &[Tested]) -> (usize, usize) {
    let outcomes = || tested.iter().flat_map(|file| &file.outcomes);
    let passed = outcomes().filter(|outcome| outcome.verdict == Verdict::Passed).count();
    let broken = tested.iter().filter(|file| file.broken.is_some()).count();
    (passed, outcomes().count() - passed + broken)
}

fn title(rule: &str, case: &str) -> String {
    if case.is_empty() { rule.to_owned() } else { format!("{rule}: {case}") }
}

/// What failed, then what is not noticed, then the counts.
pub(super) fn text(tested: &[Tested], args: &Args, out: &mut impl Write) -> io::Result<()> {
    for file in tested {
        if let Some(broken) = &file.broken {
            writeln!(out, "FAILED {broken}\n")?;
        }
        for outcome in &file.outcomes {
            if let Verdict::Failed(why) = &outcome.verdict {
                let name = printable(&title(&outcome.rule, &outcome.title));
                writeln!(out, "FAILED {}:{}: {name}", file.path.display(), outcome.line)?;
                for line in why.lines() {
                    writeln!(out, "    {}", printable(line))?;
                }
                writeln!(out)?;
            }
        }
    }
    for survey in tested.iter().flat_map(|file| &file.surveys) {
        let named = survey.unnoticed.is_empty();
        if named && survey.cases > 0 {
            continue;
        }
        let Survey { rule, cases, tried, .. } = survey;
        let rule = printable(rule);
        let place = survey.written.as_ref().map(|written| format!("{written}: ")).unwrap_or_default();
        writeln!(out, "{place}{rule}: {} of {tried} changes noticed by {cases} tests", survey.noticed())?;
        // Without a test there is nothing to tell of each.
        for mutant in survey.unnoticed.iter().filter(|_| *cases > 0) {
            let place = mutant.written.as_ref().map(|written| format!("  at {written}")).unwrap_or_default();
            writeln!(out, "    {}: {}{place}", mutant.mutation.word(), printable(&short(&mutant.clause)))?;
        }
    }
    let (passed, failed) = counts(tested);
    writeln!(out, "{passed} passed, {failed} failed, in {} files", tested.len())?;
    if args.mutate {
        let (tried, noticed) = mutants(tested);
        writeln!(out, "{noticed} of {tried} changes of rules noticed: {} %", percent(tested))?;
    }
    Ok(())
}

/// A clause in one line.
fn short(clause: &str) -> String {
    const MOST: usize = 120;
    match clause.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &clause[..end]),
        None => clause.to_owned(),
    }
}

/// One document.
pub(super) fn json(tested: &[Tested], args: &Args, out: &mut impl Write) -> io::Result<()> {
    let (passed, failed) = counts(tested);
    let files: Vec<Value> = tested
        .iter()
        .map(|file| {
            let tests: Vec<Value> = file
                .outcomes
                .iter()
                .map(|outcome| {
                    let why = match &outcome.verdict {
                        Verdict::Failed(why) => Some(why),
                        _ => None,
                    };
                    json!({
                        "rule": outcome.rule,
                        "case": outcome.title,
                        "line": outcome.line,
                        "expect": outcome.expect.to_string(),
                        "passed": outcome.verdict == Verdict::Passed,
                        "message": why,
                        "seconds": outcome.took.as_secs_f64(),
                    })
                })
                .collect();
            json!({ "file": file.path.display().to_string(), "error": file.broken, "tests": tests })
        })
        .collect();
    let mut document = json!({ "passed": passed, "failed": failed, "files": files });
    if args.mutate {
        let (tried, noticed) = mutants(tested);
        let rules: Vec<Value> = tested.iter().flat_map(|file| &file.surveys).map(survey).collect();
        document["mutation"] =
            json!({ "tried": tried, "noticed": noticed, "percent": percent(tested), "rules": rules });
    }
    writeln!(out, "{document}")
}

fn survey(survey: &Survey) -> Value {
    let mutant = |mutant: &Mutant| {
        json!({
            "change": mutant.mutation.word(),
            "clause": mutant.clause,
            "at": mutant.written.as_ref().map(ToString::to_string),
        })
    };
    json!({
        "rule": survey.rule,
        "at": survey.written.as_ref().map(ToString::to_string),
        "tests": survey.cases,
        "tried": survey.tried,
        "noticed": survey.noticed(),
        "unnoticed": survey.unnoticed.iter().map(mutant).collect::<Vec<_>>(),
    })
}

/// JUnit's XML: a suite for each file; with `--mutate` a suite of the rules whose changes are noticed or not.
pub(super) fn junit(tested: &[Tested], args: &Args, out: &mut impl Write) -> io::Result<()> {
    let (passed, failed) = counts(tested);
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"saker test\" tests=\"{}\" failures=\"{failed}\">", passed + failed)?;
    for file in tested {
        let name = escape(&file.path.display().to_string());
        let failures = file.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Passed).count();
        let broken = usize::from(file.broken.is_some());
        let took: Duration = file.outcomes.iter().map(|outcome| outcome.took).sum();
        writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"{broken}\" time=\"{:.6}\">",
            file.outcomes.len() + broken,
            took.as_secs_f64()
        )?;
        if let Some(message) = &file.broken {
            writeln!(out, "    <testcase classname=\"{name}\" name=\"the file\">")?;
            writeln!(out, "      <error>{}</error>\n    </testcase>", escape(message))?;
        }
        for outcome in &file.outcomes {
            let mut case = format!(
                "    <testcase classname=\"{}\" name=\"{}\" file=\"{name}\" line=\"{}\" time=\"{:.6}\"",
                escape(&outcome.rule),
                escape(&format!("{} ({})", title(&outcome.rule, &outcome.title), outcome.expect)),
                outcome.line,
                outcome.took.as_secs_f64()
            );
            match &outcome.verdict {
                Verdict::Failed(why) => {
                    let first = escape(why.lines().next().unwrap_or_default());
                    let _ = write!(
                        case,
                        ">\n      <failure message=\"{first}\">{}</failure>\n    </testcase>",
                        escape(why)
                    );
                }
                _ => case.push_str("/>"),
            }
            writeln!(out, "{case}")?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    if args.mutate {
        let (tried, noticed) = mutants(tested);
        writeln!(
            out,
            "  <testsuite name=\"changes of rules\" tests=\"0\" failures=\"0\">\n    <properties>\n      \
             <property name=\"tried\" value=\"{tried}\"/>\n      <property name=\"noticed\" value=\"{noticed}\"/>\n      \
             <property name=\"percent\" value=\"{}\"/>\n    </properties>\n  </testsuite>",
            percent(tested)
        )?;
    }
    writeln!(out, "</testsuites>")
}

/// Text within XML: its five characters, and none that XML cannot have.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}')
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_has_no_character_that_it_cannot_have() {
        assert_eq!(escape("a<b> & \"c\"\u{1}\n'"), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}&#10;&apos;");
    }

    #[test]
    fn clauses_are_cut_between_characters() {
        assert_eq!(short(&"é".repeat(120)), "é".repeat(120));
        assert_eq!(short(&"é".repeat(121)), format!("{}…", "é".repeat(120)));
    }
}

//! What `saker doctor` found, as text and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::canary::Canary;
use super::coverage::Coverage;
use crate::capture::host::{Check, Verdict};

/// A driver that could be taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) name: &'static str,
    /// Why not another.
    pub(super) why: Option<String>,
    pub(super) hooked: Vec<String>,
    pub(super) gaps: Vec<String>,
    pub(super) losses: Vec<(String, u64)>,
}

/// All that was found.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) host: Vec<Check>,
    /// Else why there is none.
    pub(super) driver: Result<Taken, String>,
    pub(super) coverage: Option<Coverage>,
    /// Nothing if no driver could be tried.
    pub(super) canary: Option<Result<Canary, String>>,
}

impl Default for Report {
    fn default() -> Self {
        Report { host: Vec::new(), driver: Err(String::new()), coverage: None, canary: None }
    }
}

impl Report {
    /// Whether live detection works here.
    pub(super) fn is_well(&self) -> bool {
        matches!(self.canary, Some(Ok(_)))
    }

    /// For people.
    pub(super) fn text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "This host")?;
        for check in &self.host {
            row(out, check.verdict, check.name, &check.found)?;
            if let Some(remedy) = &check.remedy {
                writeln!(out, "        {:<13}-> {remedy}", "")?;
            }
        }
        writeln!(out, "\nDriver")?;
        match &self.driver {
            Err(error) => row(out, Verdict::Bad, "none", error)?,
            Ok(taken) => {
                row(out, Verdict::Good, taken.name, taken.why.as_deref().unwrap_or("as asked for"))?;
                if !taken.hooked.is_empty() {
                    row(out, Verdict::Good, "hooked", &taken.hooked.join(", "))?;
                }
                for gap in &taken.gaps {
                    row(out, Verdict::Partly, "cannot tell", gap)?;
                }
                for (name, count) in &taken.losses {
                    row(out, Verdict::Partly, "losses", &format!("{name} {count}"))?;
                }
            }
        }
        if let Some(coverage) = &self.coverage {
            writeln!(out, "\nRules")?;
            coverage_text(coverage, out)?;
        }
        writeln!(out, "\nCanary")?;
        match &self.canary {
            None => row(
                out,
                Verdict::Bad,
                "not tried",
                "without a driver nothing can be detected live; `saker replay` works",
            ),
            Some(Err(error)) => row(out, Verdict::Bad, "no alert", error),
            Some(Ok(canary)) => {
                row(out, Verdict::Good, "alert", &canary.alert)?;
                row(
                    out,
                    Verdict::Good,
                    "took",
                    &format!("{} ms, {} events lost", canary.milliseconds, canary.lost),
                )
            }
        }
    }

    /// For programs.
    pub(super) fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let check = |check: &Check| {
            json!({
                "check": check.name,
                "verdict": check.verdict.name().to_lowercase(),
                "found": check.found,
                "remedy": check.remedy,
            })
        };
        let document = json!({
            "well": self.is_well(),
            "host": self.host.iter().map(check).collect::<Vec<_>>(),
            "driver": match &self.driver {
                Err(error) => json!({ "name": null, "error": error }),
                Ok(taken) => json!({
                    "name": taken.name,
                    "why": taken.why,
                    "hooked": taken.hooked,
                    "gaps": taken.gaps,
                    "losses": taken.losses.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
                }),
            },
            "coverage": self.coverage.as_ref().map(coverage_json),
            "canary": match &self.canary {
                None => Value::Null,
                Some(Err(error)) => json!({ "error": error }),
                Some(Ok(canary)) => json!({
                    "alert": canary.alert,
                    "milliseconds": canary.milliseconds as u64,
                    "lost": canary.lost,
                }),
            },
        });
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    }
}

fn row(out: &mut impl Write, verdict: Verdict, name: &str, found: &str) -> io::Result<()> {
    writeln!(out, "  {:<4}  {name:<13}{found}", verdict.name())
}

fn coverage_text(coverage: &Coverage, out: &mut impl Write) -> io::Result<()> {
    let Coverage { rules, recorded, bare, blind } = coverage;
    if *rules == 0 {
        return row(out, Verdict::Partly, "none", "no rules were named (-r); the canary alone is looked for");
    }
    row(
        out,
        Verdict::Good,
        "loaded",
        &format!("{rules} rules, for which {} system calls are recorded", recorded.len()),
    )?;
    if !bare.is_empty() {
        row(out, Verdict::Partly, "bare", &format!("told without parameters: {}", bare.join(", ")))?;
    }
    for one in blind {
        let (verdict, how) =
            if one.wholly { (Verdict::Bad, "blind") } else { (Verdict::Partly, "half blind") };
        row(out, verdict, how, &format!("{}: {} not told here", one.rule, one.missing.join(", ")))?;
    }
    if blind.is_empty() {
        row(out, Verdict::Good, "blind", "none")?;
    }
    Ok(())
}

fn coverage_json(coverage: &Coverage) -> Value {
    let blind = coverage
        .blind
        .iter()
        .map(|one| json!({ "rule": one.rule, "wholly": one.wholly, "missing": one.missing }));
    json!({
        "rules": coverage.rules,
        "recorded": coverage.recorded,
        "without_parameters": coverage.bare,
        "blind": blind.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::coverage::Blind;
    use super::*;

    fn report() -> Report {
        let remedy = Some("look for it".to_owned());
        Report {
            host: vec![Check { name: "BTF", verdict: Verdict::Partly, found: "gone".to_owned(), remedy }],
            driver: Ok(Taken {
                name: "ebpf",
                why: Some("no module".to_owned()),
                hooked: vec!["raw_syscalls:sys_exit".to_owned()],
                gaps: vec!["there is no helper".to_owned()],
                losses: vec![("misses".to_owned(), 3)],
            }),
            coverage: Some(Coverage {
                rules: 2,
                recorded: vec!["open", "mount"],
                bare: vec!["mount"],
                blind: vec![Blind {
                    rule: "Mounts".to_owned(),
                    wholly: true,
                    missing: vec!["mount".to_owned()],
                }],
            }),
            canary: Some(Ok(Canary { alert: "it sings".to_owned(), milliseconds: 5, lost: 0 })),
        }
    }

    #[test]
    fn the_table_has_everything() {
        let mut text = Vec::new();
        report().text(&mut text).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r"
        This host
          note  BTF          gone
                             -> look for it

        Driver
          ok    ebpf         no module
          ok    hooked       raw_syscalls:sys_exit
          note  cannot tell  there is no helper
          note  losses       misses 3

        Rules
          ok    loaded       2 rules, for which 2 system calls are recorded
          note  bare         told without parameters: mount
          FAIL  blind        Mounts: mount not told here

        Canary
          ok    alert        it sings
          ok    took         5 ms, 0 events lost
        ");
    }

    #[test]
    fn a_host_without_a_driver_is_not_well() {
        assert!(report().is_well());
        let none = Report { driver: Err("refused".to_owned()), coverage: None, canary: None, ..report() };
        assert!(!none.is_well());
        let mut text = Vec::new();
        none.json(&mut text).unwrap();
        let document: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(document["driver"]["error"], "refused");
        assert_eq!(document["well"], false);
        assert_eq!(document["host"][0]["verdict"], "note");
    }
}

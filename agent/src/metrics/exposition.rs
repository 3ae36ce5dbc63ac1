//! The text form in which Prometheus reads metrics: families with help and type, and samples with labels.

use std::fmt::{self, Display, Formatter, Write as _};

/// Whether a number only grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It does, while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// Metrics in the order in which they were added; samples of one name stand together.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: String,
    kind: Kind,
    help: &'static str,
    samples: String,
}

impl Exposition {
    /// Adds a sample.
    pub(super) fn add(
        &mut self,
        name: &str,
        kind: Kind,
        help: &'static str,
        labels: &[(&str, &str)],
        value: impl Display,
    ) {
        let family = match self.families.iter_mut().position(|family| family.name == name) {
            Some(at) => &mut self.families[at],
            None => {
                let name = name.to_owned();
                self.families.push(Family { name, kind, help, samples: String::new() });
                let last = self.families.len() - 1;
                &mut self.families[last]
            }
        };
        let out = &mut family.samples;
        out.push_str(name);
        let mut sorted: Vec<_> = labels.to_vec();
        sorted.sort_unstable();
        for (index, (label, text)) in sorted.into_iter().enumerate() {
            // A String can always be written to.
            let _ = write!(out, "{}{}=\"", if index == 0 { '{' } else { ',' }, sanitized(label));
            for character in text.chars() {
                match character {
                    '\\' => out.push_str("\\\\"),
                    '"' => out.push_str("\\\""),
                    '\n' => out.push_str("\\n"),
                    character => out.push(character),
                }
            }
            out.push('"');
        }
        let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

impl Display for Exposition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for Family { name, kind, help, samples } in &self.families {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            write!(f, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}")?;
        }
        Ok(())
    }
}

/// A name with nothing but letters, digits and single underscores: what stands for a rule or a file in names of metrics.
pub(super) fn sanitized(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            c if c.is_ascii_alphanumeric() || c == ':' => out.push(c),
            _ if out.ends_with('_') => {}
            _ => out.push('_'),
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stand_together_and_nothing_breaks_a_line() {
        let mut text = Exposition::default();
        text.add("a_total", Kind::Counter, "Of a.", &[("rule_name", "x\"\n\\"), ("b-c", "1")], 3);
        text.add("b", Kind::Gauge, "Of b.", &[], "0.500000");
        text.add("a_total", Kind::Counter, "Of a.", &[("rule_name", "y")], 4);
        insta::assert_snapshot!(text, @r#"
        # HELP a_total Of a.
        # TYPE a_total counter
        a_total{b_c="1",rule_name="x\"\n\\"} 3
        a_total{rule_name="y"} 4
        # HELP b Of b.
        # TYPE b gauge
        b 0.500000
        "#);
    }

    #[test]
    fn names_are_those_of_falco() {
        assert_eq!(sanitized("falco_rules.yaml"), "falco_rules_yaml");
        assert_eq!(sanitized("Terminal shell (in) container!"), "Terminal_shell_in_container");
    }
}

//! Rules over events: which rules are on, in which order, which of them an event can concern, and what comes out when
//! one is true.

use crate::alerts::{Line, LineCompiler, LineError, Summary};
use crate::config::{Config, RuleMatching, RuleSelection};
use crate::event::{EVENT_COUNT, EventId, id};
use crate::fields::EventContext;
use crate::rules::Rule;

/// Rules ready to be evaluated.
#[derive(Debug)]
pub struct Detector {
    rules: Vec<Active>,
    /// For each event id the rules that can be true for it, in order of evaluation: indexes into `rules`.
    index: Vec<Box<[u32]>>,
    matching: RuleMatching,
    summary: Summary,
}

#[derive(Debug)]
struct Active {
    /// Its number in load order.
    number: usize,
    line: Line,
}

impl Active {
    fn is_true(&self, _context: &EventContext<'_>) -> bool {
        false
    }
}

impl Detector {
    /// Takes the loaded rules that the configuration leaves on.
    pub fn new<'l>(
        rules: impl Iterator<Item = Rule<'l>>,
        config: &Config,
        lines: &LineCompiler<'_>,
    ) -> Result<Self, LineError> {
        let rules: Vec<Rule<'l>> = rules.filter(|rule| rule.labels.priority <= config.priority).collect();
        let summary = Summary::new(rules.iter().map(|rule| (rule.labels.name, rule.labels.priority)));
        let mut active = Vec::new();
        let mut index = vec![Vec::new(); EVENT_COUNT];
        for number in selected(&rules, &config.rules) {
            let rule = &rules[number];
            let line = lines.compile(&rule.labels, rule.template)?;
            for event in rule.events.iter().chain([id::ASYNCEVENT_E.0]) {
                if let Some(list) = index.get_mut(usize::from(event)) {
                    list.push(active.len() as u32);
                }
            }
            active.push(Active { number, line });
        }
        let index = index.into_iter().map(|mut list: Vec<u32>| {
            list.dedup();
            list.into_boxed_slice()
        });
        Ok(Detector { rules: active, index: index.collect(), matching: config.rule_matching, summary })
    }

    /// Whether some rule can be true for this event.
    #[inline]
    pub fn wants(&self, event: EventId) -> bool {
        self.index.get(usize::from(event.0)).is_some_and(|rules| !rules.is_empty())
    }

    /// Evaluates the rules that an event can concern, and appends the alerts of those that are true to `out`.
    pub fn detect(&mut self, context: &EventContext<'_>, out: &mut Vec<u8>) {
        let Some(rules) = self.index.get(usize::from(context.event().id.0)) else { return };
        for &rule in rules {
            let Some(rule) = self.rules.get(rule as usize) else { continue };
            if !rule.is_true(context) {
                continue;
            }
            self.summary.count(rule.number);
            rule.line.write(context, out);
            if self.matching == RuleMatching::First {
                return;
            }
        }
    }

    /// The alerts so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// How many rules are on.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether no rule is on.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The numbers of the rules that are on, in the order in which an event meets them: load order, except that a rule that
/// a selection step switches on comes last, as in Falco.
fn selected(rules: &[Rule<'_>], steps: &[RuleSelection]) -> Vec<usize> {
    let mut on: Vec<usize> = (0..rules.len()).filter(|&number| rules[number].enabled).collect();
    for step in steps {
        let by_name = step.rule.iter().map(|pattern| {
            let fits = move |rule: &Rule<'_>| matches_wildcard(pattern, rule.labels.name);
            Box::new(fits) as Box<dyn Fn(&Rule<'_>) -> bool>
        });
        let by_tag = step.tag.iter().map(|tag| {
            let fits = move |rule: &Rule<'_>| rule.labels.tags.contains(tag);
            Box::new(fits) as Box<dyn Fn(&Rule<'_>) -> bool>
        });
        for fits in by_name.chain(by_tag) {
            if step.enable {
                let missing: Vec<usize> =
                    (0..rules.len()).filter(|number| fits(&rules[*number]) && !on.contains(number)).collect();
                on.extend(missing);
            } else {
                on.retain(|&number| !fits(&rules[number]));
            }
        }
    }
    on
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(head) else { return false };
    // Taking the first occurrence of each part is enough: an earlier one leaves more for the parts after it.
    let mut parts = tail.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_text() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "any", true),
            ("Cat*", "Cat opens", true),
            ("Cat*", "A Cat", false),
            ("*opens", "Cat opens", true),
            ("*a*a", "aa", true),
            ("*a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("**", "x", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches_wildcard(pattern, text), fits, "{pattern} {text}");
        }
    }
}

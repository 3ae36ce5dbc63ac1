//! Rules over events: which rules are on and in which order, which of them an event can concern, and which are true.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use saker_filter::{Condition, EventSet, Index, Memo, Remembered, Schema};

use crate::alerts::Cost;
use crate::config::{Config, RuleMatching, RuleSelection};
use crate::event::{Event, EventId, id, syscall};
use crate::fields::EventContext;
use crate::rules::Rule;

/// Conditions ready to be evaluated, numbered in the order in which an event meets them.
///
/// All are compiled into one table, in which the same check of several conditions is one check. What a check said is
/// remembered for the event; if it depends on the process only, for as long as the process stays as it is.
///
/// A clone shares the table and remembers for itself.
#[derive(Clone, Debug)]
pub struct Detector {
    index: Arc<Index>,
    matching: RuleMatching,
    remembered: Remembered,
    meter: Option<Box<Meter>>,
}

/// Measures what conditions cost: of one event among many, each by itself.
#[derive(Clone, Debug)]
struct Meter {
    /// By the number of the condition.
    costs: Arc<[Arc<Cost>]>,
    /// Events until the next measurement.
    rest: u32,
    memo: Memo,
}

/// Of so many events with candidates one is measured: that costs the others next to nothing.
const MEASURED: u32 = 4096;

impl Detector {
    /// Takes conditions, each with the events for which it can be true.
    pub fn new<'c>(
        conditions: impl IntoIterator<Item = (&'c Condition, EventSet)>,
        schema: &dyn Schema,
        matching: RuleMatching,
    ) -> Self {
        let conditions = conditions.into_iter().map(|(condition, mut events)| {
            // As in Falco, every rule sees asynchronous events.
            events.insert(id::ASYNCEVENT_E.0);
            (condition, events)
        });
        let index = Arc::new(Index::new(conditions, schema));
        Detector { index, matching, remembered: Remembered::default(), meter: None }
    }

    /// Measures now and then what each condition costs, and adds it to the condition's own.
    #[must_use]
    pub fn measuring(mut self, costs: Arc<[Arc<Cost>]>) -> Detector {
        self.meter = Some(Box::new(Meter { costs, rest: 1, memo: Memo::default() }));
        self
    }

    /// Whether costs are measured.
    pub fn is_measured(&self) -> bool {
        self.meter.is_some()
    }

    /// Whether some condition can be true for events with this id.
    pub fn wants(&self, event: EventId) -> bool {
        !self.index.candidates(event.0).is_empty()
    }

    /// Whether some condition can be true for this event: of a generic one, for its call.
    #[inline]
    pub fn concerns(&self, event: &Event<'_>) -> bool {
        !self.index.candidates(syscall::kind(event)).is_empty()
    }

    /// Evaluates the conditions that an event can concern, and hands the numbers of those that are true to `found`:
    /// the first or all.
    pub fn detect(&mut self, context: &EventContext<'_>, mut found: impl FnMut(usize)) {
        if let Some(meter) = &mut self.meter {
            meter.look(&self.index, context);
        }
        let (kind, key) = (syscall::kind(context.event()), context.process_key());
        self.index.evaluate(kind, context, key, &mut self.remembered, |condition| {
            found(condition as usize);
            match self.matching {
                RuleMatching::First => ControlFlow::Break(()),
                RuleMatching::All => ControlFlow::Continue(()),
            }
        });
    }
}

impl Meter {
    fn look(&mut self, index: &Index, context: &EventContext<'_>) {
        self.rest -= 1;
        if self.rest > 0 {
            return;
        }
        self.rest = MEASURED;
        for candidate in index.candidates(syscall::kind(context.event())) {
            let began = Instant::now();
            index.evaluate_alone(candidate, context, &mut self.memo);
            let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            if let Some(cost) = self.costs.get(candidate.condition as usize) {
                cost.add(nanoseconds);
            }
        }
    }
}

/// The rules that are on, in the order in which an event meets them: load order, except that a rule that a selection
/// step switches on comes last, as in Falco.
pub fn select<'l>(rules: impl Iterator<Item = Rule<'l>>, config: &Config) -> Vec<Rule<'l>> {
    let rules: Vec<Rule<'l>> = rules.filter(|rule| rule.labels.priority <= config.priority).collect();
    selected(&rules, &config.rules).into_iter().map(|number| rules[number]).collect()
}

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
    use crate::capture::scap::ScapReader;
    use crate::event::ParamsBuf;
    use crate::fields::FieldSchema;
    use crate::pipeline::Pipeline;

    /// What is remembered may only save time.
    #[test]
    fn a_detector_without_memory_finds_the_same() {
        let schema = FieldSchema::new(true);
        let conditions = [
            "proc.name = bash and user.name = root and evt.type = openat",
            "proc.pname = bash and not proc.aname in (sshd, systemd) and fd.num >= 3",
            "container.id = host and proc.cmdline contains a and evt.is_open_read = true",
            "not (user.name != root or proc.exepath startswith /usr) or proc.tty = 0",
            "proc.nthreads > 1 and proc.name != bash",
            "proc.sname = bash or proc.pgid.name exists and group.name = root",
            "proc.fdopencount > 4 and proc.aname contains sh and proc.loginshellid exists",
            "(proc.cwd = / or proc.cwd startswith /tmp) and proc.env[HOME] exists and fd.name endswith e",
            "saker.proc.comm != proc.name or thread.cap_effective contains SYS_ADMIN and evt.cpu = 0",
            "proc.aexe contains bash and (proc.ppid = 1 or proc.is_exe_writable = true)",
            "proc.pname != bash and proc.acmdline[2] contains sh and evt.type in (read, write, close)",
        ]
        .map(|text| {
            let expr = saker_filter::parse(text, 10).unwrap();
            saker_filter::check(&expr, &schema).unwrap().condition
        });
        let detector = || {
            Detector::new(conditions.iter().map(|one| (one, schema.all_events())), &schema, RuleMatching::All)
        };
        let (mut remembering, mut forgetting) = (detector(), detector());
        let mut pipeline = Pipeline::new(&Config::default());
        let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/vm_small.scap.gz");
        let mut reader = ScapReader::open(capture.as_ref()).unwrap();
        let mut counts = [0; 11];
        while let Some(snapshot) = reader.next_section().unwrap() {
            pipeline.begin(snapshot);
            while let Some(event) = reader.next().unwrap() {
                pipeline.event(&event, true, |context| {
                    let (mut found, mut expected) = (Vec::new(), Vec::new());
                    remembering.detect(context, |condition| found.push(condition));
                    forgetting.remembered = Remembered::default();
                    forgetting.detect(context, |condition| expected.push(condition));
                    assert_eq!(found, expected, "event {}", event.num);
                    found.into_iter().for_each(|condition| counts[condition] += 1);
                });
            }
        }
        assert!(counts.iter().filter(|&&count| count > 0).count() > 7, "{counts:?}");
    }

    #[test]
    fn a_generic_event_concerns_only_rules_about_its_call() {
        let schema = FieldSchema::new(true);
        let expr = saker_filter::parse("evt.type = mq_timedsend and fd.num = 1", 10).unwrap();
        let checked = saker_filter::check(&expr, &schema).unwrap();
        let detector = Detector::new([(&checked.condition, checked.events)], &schema, RuleMatching::All);
        let code = |name: &str| syscall::SYSCALLS.iter().find(|call| call.name == name).unwrap().code;
        let concerns = |code: u16| {
            let params = ParamsBuf::of(&[&code.to_le_bytes(), &[0, 0]]);
            detector.concerns(&Event::new(1, 0, 1, 0, id::GENERIC_X, 0, params.params()))
        };
        assert!(detector.wants(id::GENERIC_X) && !detector.wants(id::SYSCALL_OPEN_X));
        assert!(concerns(code("mq_timedsend")) && !concerns(code("getpid")));
        // A code that is newer than the table may be of any name.
        assert!(concerns(u16::MAX));
    }

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

//! Runs cases: their records go through state, fields and conditions as those of a driver do.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use saker_filter::{Condition, EventSet, Schema};
use saker_probe::wire::record::path;

use super::file::{Case, Expect, Problem, Story, TestFile};
use super::world::{self, START, World};
use crate::capture::scap::ScapReader;
use crate::config::{Config, RuleMatching};
use crate::detect::Detector;
use crate::event::{Event, Facts, KernelPath};
use crate::explain::{Explainer, Explanation};
use crate::fields::EventContext;
use crate::pipeline::Pipeline;
use crate::rules::{Environment, Loader, Rule};
use crate::spell::hint;

/// The rules that a test file speaks of.
pub struct RuleSet<'e> {
    loader: Loader<'e>,
    schema: &'e dyn Schema,
    config: &'e Config,
}

/// How a case went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where the case begins: its line in the test file, from 1.
    pub line: usize,
    /// The rule that is meant.
    pub rule: String,
    /// What happens, in words.
    pub title: String,
    /// Whether the rule was to answer.
    pub expect: Expect,
    /// What came of it.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// What came of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is as expected.
    Passed,
    /// It is not: why.
    Failed(String),
    /// It could not be run: what is wrong with it.
    Broken(Vec<Problem>),
}

/// An event of a case for which a condition was true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hit {
    /// Of a script its place in `events`, of a recording the number of the event.
    pub event: u64,
    /// What the rule's output says of it.
    pub output: String,
}

impl<'e> RuleSet<'e> {
    /// Loads rule files.
    ///
    /// # Errors
    /// What is wrong with them, as text for people.
    pub fn load(
        files: &[PathBuf],
        environment: Environment<'e>,
        config: &'e Config,
    ) -> Result<RuleSet<'e>, String> {
        RuleSet::load_with(files, "", environment, config)
    }

    /// The same, with a text of further rules behind the files.
    ///
    /// # Errors
    /// What is wrong with them, as text for people.
    pub fn load_with(
        files: &[PathBuf],
        extra: &str,
        environment: Environment<'e>,
        config: &'e Config,
    ) -> Result<RuleSet<'e>, String> {
        let schema = environment.schema;
        let mut loader = Loader::new(environment);
        let mut texts = Vec::with_capacity(files.len() + 1);
        for file in files {
            let name = file.display().to_string();
            let bytes = std::fs::read(file).map_err(|error| format!("{name}: {error}"))?;
            texts.push((name, bytes));
        }
        if !extra.is_empty() {
            texts.push(("further rules".to_owned(), extra.as_bytes().to_vec()));
        }
        for (name, bytes) in &texts {
            let result = loader.load(name, bytes);
            if !result.successful() {
                let errors = result.errors.iter().chain(&result.further_errors);
                let shown: Vec<String> = errors.map(|error| error.render(loader.sources())).collect();
                return Err(format!("{name}: invalid rules\n{}", shown.join("\n")));
            }
        }
        Ok(RuleSet { loader, schema, config })
    }

    /// The rules.
    pub fn loader(&self) -> &Loader<'e> {
        &self.loader
    }

    /// The fields.
    pub(super) fn schema(&self) -> &'e dyn Schema {
        self.schema
    }

    /// The rule that a case means.
    pub(super) fn rule(&self, case: &Case) -> Result<Rule<'_>, Problem> {
        self.loader.rules().find(|rule| rule.labels.name == case.rule).ok_or_else(|| {
            let names: Vec<&str> = self.loader.rules().map(|rule| rule.labels.name).collect();
            let hint = hint(&case.rule, names);
            Problem { place: case.rule_place, message: format!("no rule is called '{}'{hint}", case.rule) }
        })
    }

    /// Runs all cases of a file that lies in `directory`.
    pub fn run(&self, file: &TestFile, directory: &Path) -> Vec<Outcome> {
        file.cases.iter().map(|case| self.outcome(file, case, directory)).collect()
    }

    /// Runs one case of a file that lies in `directory`.
    pub fn outcome(&self, file: &TestFile, case: &Case, directory: &Path) -> Outcome {
        let started = Instant::now();
        let verdict = match self.verdict(case, directory) {
            Ok(verdict) => verdict,
            Err(problems) => Verdict::Broken(problems),
        };
        Outcome {
            line: file.source.position(case.place.at).line + 1,
            rule: case.rule.clone(),
            title: case.title.clone(),
            expect: case.expect,
            verdict,
            took: started.elapsed(),
        }
    }

    fn verdict(&self, case: &Case, directory: &Path) -> Result<Verdict, Vec<Problem>> {
        let rule = self.rule(case).map_err(|problem| vec![problem])?;
        let conditions = [(rule.condition, rule.events)];
        let detector = self.detector(&conditions);
        let hits = self.play(case, directory, &rule, detector, 1)?.pop().unwrap_or_default();
        Ok(match complaint(case, &hits) {
            None => Verdict::Passed,
            Some(mut complaint) => {
                complaint.push_str(&self.reasons(case, directory, &rule, &hits));
                Verdict::Failed(complaint)
            }
        })
    }

    /// Why the rule answered as it did: the clauses that decided for the event that came nearest to what was expected.
    fn reasons(&self, case: &Case, directory: &Path, rule: &Rule<'_>, hits: &[Hit]) -> String {
        if case.expect == Expect::Alert && !hits.is_empty() {
            return String::new();
        }
        let mut explainer = Explainer::new(&self.loader, rule, self.schema);
        let mut nearest: Option<(u64, Explanation)> = None;
        let mut look = |event: u64, context: &EventContext<'_>| {
            let (truth, distance) = explainer.distance(context);
            let wanted = truth == (case.expect == Expect::Silence);
            if wanted && nearest.as_ref().is_none_or(|(_, best)| distance < best.distance) {
                nearest = Some((event, explainer.explain(context)));
            }
        };
        if self.watch(case, directory, &mut look).is_err() {
            return String::new();
        }
        let Some((event, explanation)) = nearest else { return String::new() };
        let mut out = format!("\n{}, decided by:", which(case, event));
        for step in explanation.root.deciding() {
            out.push_str("\n  ");
            out.push_str(&step.line());
        }
        out
    }

    /// Conditions side by side, each of which is told whenever it is true.
    pub(super) fn detector(&self, conditions: &[(&Condition, EventSet)]) -> Detector {
        Detector::new(conditions.iter().copied(), self.schema, RuleMatching::All)
    }

    /// Runs a case once for so many conditions: for each the events for which it was true. The detector is of this case
    /// alone, as it remembers processes.
    pub(super) fn play(
        &self,
        case: &Case,
        directory: &Path,
        rule: &Rule<'_>,
        mut detector: Detector,
        conditions: usize,
    ) -> Result<Vec<Vec<Hit>>, Vec<Problem>> {
        let mut template = rule.template.clone().tolerant();
        let mut hits: Vec<Vec<Hit>> = vec![Vec::new(); conditions];
        let mut look = |event: u64, context: &EventContext<'_>| {
            let mut output = None;
            detector.detect(context, |condition| {
                let output = output.get_or_insert_with(|| {
                    let mut text = Vec::new();
                    template.render(context, &mut text);
                    String::from_utf8_lossy(&text).into_owned()
                });
                if let Some(hits) = hits.get_mut(condition).filter(|hits| hits.len() < MAX_HITS) {
                    hits.push(Hit { event, output: output.clone() });
                }
            });
        };
        self.watch(case, directory, &mut look)?;
        Ok(hits)
    }

    /// Runs a case, and shows each event that counts.
    pub(super) fn watch(
        &self,
        case: &Case,
        directory: &Path,
        look: &mut dyn FnMut(u64, &EventContext<'_>),
    ) -> Result<(), Vec<Problem>> {
        match &case.story {
            Story::Script(script) => {
                self.script(world::build(script)?, look);
                Ok(())
            }
            Story::Recording { file, place, .. } => self
                .recording(&directory.join(file), look)
                .map_err(|message| vec![Problem { place: *place, message }]),
        }
    }

    fn script(&self, world: World, look: &mut dyn FnMut(u64, &EventContext<'_>)) {
        const STEP: u64 = 1_000_000;
        let mut pipeline = Pipeline::new(self.config);
        pipeline.begin(world.snapshot);
        for (number, record) in world.records.iter().enumerate() {
            let number = number as u64 + 1;
            let ts = START + number * STEP;
            let event = Event::new(number, ts, record.tid, 0, record.id, 0, record.params.params());
            let file = record.real.as_deref().map(|bytes| KernelPath { flags: path::ROOT, path: bytes });
            let facts = Facts { file, io_uring: record.io_uring, ..Facts::default() };
            let event = if file.is_some() || record.io_uring { event.with_facts(&facts) } else { event };
            pipeline.event(&event, record.action.is_some(), |context| {
                if let Some(action) = record.action {
                    look(action as u64, context);
                }
            });
        }
    }

    fn recording(&self, path: &Path, look: &mut dyn FnMut(u64, &EventContext<'_>)) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut pipeline = Pipeline::new(self.config);
        let mut reader = ScapReader::open(path).map_err(|error| failed(&error))?;
        while let Some(snapshot) = reader.next_section().map_err(|error| failed(&error))? {
            pipeline.begin(snapshot);
            while let Some(event) = reader.next().map_err(|error| failed(&error))? {
                pipeline.event(&event, true, |context| look(context.event().num, context));
            }
        }
        Ok(())
    }
}

/// The most alerts of one case that are kept.
const MAX_HITS: usize = 100_000;

/// Why what happened is not what a case expects; `None` if it is.
pub(super) fn complaint(case: &Case, hits: &[Hit]) -> Option<String> {
    match case.expect {
        Expect::Silence => {
            let hit = hits.first()?;
            let which = which(case, hit.event);
            Some(format!("the rule was to be silent, but {which} alerts: {}", hit.output))
        }
        Expect::Alert => {
            if let Story::Recording { events, .. } = &case.story {
                let missing = events.iter().find(|event| !hits.iter().any(|hit| hit.event == **event));
                if let Some(missing) = missing {
                    return Some(format!("event {missing} was to alert, and does not"));
                }
            }
            if hits.is_empty() {
                return Some("the rule was to alert, and is silent".to_owned());
            }
            let wanted = case.output.as_deref()?;
            if hits.iter().any(|hit| hit.output.contains(wanted)) {
                return None;
            }
            let shown = hits.first().map(|hit| hit.output.as_str()).unwrap_or_default();
            Some(format!("the output does not contain '{wanted}': {shown}"))
        }
    }
}

/// How people know an event of a case.
pub(super) fn which(case: &Case, event: u64) -> String {
    match &case.story {
        Story::Recording { .. } => format!("event {event}"),
        Story::Script(script) => {
            let action = usize::try_from(event).ok().and_then(|event| script.events.get(event));
            format!("event {} ({})", event + 1, action.map(|action| action.kind.as_str()).unwrap_or_default())
        }
    }
}

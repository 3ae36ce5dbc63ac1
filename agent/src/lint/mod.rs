//! What is sound in a rule, but probably not what its author meant: beyond Falco's verdict, and only when asked for.
//!
//! A lint is allowed in place by a comment above the item or within it: `# saker: allow LINT_OUTPUT`.

mod clauses;
mod shadow;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashSet;
use saker_filter::{Index, Schema};

use crate::config::RuleMatching;
use crate::rules::{Loader, Rule, SYSCALL, Written};

/// Code, title, what to do.
macro_rules! lints {
    ($($variant:ident $code:literal $help:literal;)*) => {
        /// The kinds of lint.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[allow(missing_docs)]
        pub enum LintCode { $($variant,)* }

        impl LintCode {
            /// The name by which a comment allows it.
            pub fn code(self) -> &'static str {
                match self { $(LintCode::$variant => $code,)* }
            }

            /// What it means, in a sentence.
            pub fn help(self) -> &'static str {
                match self { $(LintCode::$variant => $help,)* }
            }
        }
    };
}

lints! {
    NeverTrue "LINT_NEVER_TRUE" "The condition, or a part of it, contradicts itself.";
    AlwaysTrue "LINT_ALWAYS_TRUE" "The condition, or a part of it, is true whatever happens.";
    Shadowed "LINT_SHADOWED" "With rule_matching: first an earlier rule answers to every event of this one.";
    NoEventType "LINT_NO_EVENT_TYPE" "The rule is tried on every event: restrict it with evt.type.";
    PathForm "LINT_PATH_FORM" "The field never has a value of this form.";
    DeprecatedField "LINT_DEPRECATED_FIELD" "The field is kept for old rules only and says nothing any more.";
    NullField "LINT_NULL_FIELD" "The field never has a value here.";
    Output "LINT_OUTPUT" "The output leaves out what a responder asks first: which process, which user, which file or connection.";
}

/// A lint that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lint {
    /// Which.
    pub code: LintCode,
    /// The rule that it is about.
    pub rule: String,
    /// What exactly.
    pub message: String,
    /// Where.
    pub written: Option<Written>,
}

impl Lint {
    /// For people: `file:line:column: CODE: message (rule)`.
    pub fn render(&self) -> String {
        let place = self.written.as_ref().map(|written| format!("{written}: ")).unwrap_or_default();
        format!("{place}{}: {} (rule '{}')", self.code.code(), self.message, self.rule)
    }
}

/// Looks at all rules of source `syscall`. Lints that are allowed in place are left out; what stands in a macro is told once,
/// of the first rule that uses it.
pub fn lint(loader: &Loader<'_>, schema: &dyn Schema, matching: RuleMatching) -> Vec<Lint> {
    let rules: Vec<Rule<'_>> = loader.rules().filter(|rule| rule.labels.source == SYSCALL).collect();
    let mut lints = Vec::new();
    for rule in &rules {
        let mut found = Found { loader, rule, lints: Vec::new() };
        whole(&mut found, schema);
        clauses::look(&mut found, schema);
        output(&mut found);
        lints.append(&mut found.lints);
    }
    if matching == RuleMatching::First {
        lints.extend(shadow::look(loader, &rules));
    }
    let mut seen = FxHashSet::default();
    lints.retain(|lint| {
        let allowed = rules
            .iter()
            .find(|rule| rule.labels.name == lint.rule)
            .is_some_and(|rule| loader.comments(rule).iter().any(|comment| allows(comment, lint.code)));
        !allowed && seen.insert((lint.code, lint.written.clone(), lint.message.clone()))
    });
    lints
}

/// Whether a comment allows a lint: `# saker: allow CODE, CODE`.
fn allows(comment: &str, code: LintCode) -> bool {
    let Some((_, codes)) = comment.split_once("saker: allow") else { return false };
    codes.split([',', ' ']).any(|allowed| allowed.trim() == code.code())
}

/// Lints of one rule.
struct Found<'f> {
    loader: &'f Loader<'f>,
    rule: &'f Rule<'f>,
    lints: Vec<Lint>,
}

impl Found<'_> {
    fn add(&mut self, code: LintCode, written: Option<Written>, message: impl Into<String>) {
        let rule = self.rule.labels.name.to_owned();
        self.lints.push(Lint { code, rule, message: message.into(), written });
    }
}

/// The condition as a whole.
fn whole(found: &mut Found<'_>, schema: &dyn Schema) {
    let rule = found.rule;
    let written = found.loader.rule_written(rule);
    let index = Index::new([(rule.condition, rule.events)], schema);
    if rule.events.iter().all(|event| index.candidates(event).is_empty()) {
        found.add(LintCode::NeverTrue, written, "the condition can never be true");
        return;
    }
    let every = schema.all_events();
    if rule.events.len() == every.len() {
        let always =
            every.iter().all(|event| index.candidates(event).iter().any(|one| one.program.is_always()));
        if always {
            found.add(LintCode::AlwaysTrue, written.clone(), "the condition is true for every event");
        } else if found.loader.warns_of_events(rule) {
            found.add(LintCode::NoEventType, written, "the condition does not say which events it is about");
        }
    }
}

/// What a responder must see.
fn output(found: &mut Found<'_>) {
    let template = found.rule.template;
    let shows = |prefixes: &[&str]| {
        template
            .names()
            .any(|name| prefixes.iter().any(|prefix| name.trim_start_matches('%').starts_with(prefix)))
    };
    let mut asked: Vec<&str> = Vec::new();
    clauses::fields(found.rule.expr, &mut |name| {
        if name.starts_with("fd.") && !matches!(name, "fd.num" | "fd.type" | "fd.typechar") {
            asked.push("fd.");
        } else if name.starts_with("fs.path") {
            asked.push("fs.path");
        }
    });
    let mut missing = Vec::new();
    if !shows(&["proc."]) {
        missing.push("a process (proc.cmdline, proc.exepath)");
    }
    if !shows(&["user."]) {
        missing.push("a user (user.name, user.loginname)");
    }
    if !asked.is_empty() && !shows(&["fd.", "fs.path", "evt.arg", "evt.args", "saker.fd"]) {
        missing.push("the file or connection that the condition is about (fd.name, fs.path.name)");
    }
    if !missing.is_empty() {
        let written = found.loader.rule_written(found.rule);
        found.add(LintCode::Output, written, format!("the output does not show {}", missing.join(" and ")));
    }
}

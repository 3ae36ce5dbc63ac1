//! Why a rule is true for an event or not: each clause with its value and its truth, which of them decided, and how far
//! the event was from the other answer.
//!
//! A rule's syntax tree is kept as it was written, and each comparison of it is compiled for itself. So every clause can be
//! shown with its place in a file, also those that the rule's program never looks at.

#[cfg(test)]
mod tests;

use saker_filter::ast::{Check, ExprKind, Operand, Term};
use saker_filter::{
    CheckTable, Compiler, Context as _, Evaluation, Expr, Field, Program, Schema, Source, check, check_term,
};

use crate::alerts::plain_text;
use crate::fields::{EventContext, render_text};
use crate::rules::{Loader, Rule, Written};

/// A rule that can be explained.
pub struct Explainer {
    root: Node,
    clauses: Vec<Clause>,
    table: CheckTable,
    programs: Vec<Program>,
    memo: saker_filter::Memo,
    truths: Vec<bool>,
}

#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// An index of a clause.
    Clause(usize),
}

#[derive(Debug)]
struct Clause {
    text: String,
    written: Option<Written>,
    exception: Option<String>,
    values: Vec<(String, Asked)>,
    /// It asks which event this is: an event of another kind is further away than any other value.
    kind: bool,
}

/// What is asked for.
#[derive(Debug)]
enum Asked {
    Field(Field),
    Term(Source),
}

/// What an event is to a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// Whether the rule is true.
    pub truth: bool,
    /// How many clauses would have to differ for the other answer; one that asks for another kind of event counts more.
    pub distance: u32,
    /// The condition.
    pub root: Step,
}

/// A part of a condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// Whether it is true.
    pub truth: bool,
    /// Whether the answer would be another one, or uncertain, without it.
    pub decisive: bool,
}

/// What a part of a condition is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepKind {
    /// All of these.
    All(Vec<Step>),
    /// Any of these.
    Any(Vec<Step>),
    /// Not this.
    Not(Box<Step>),
    /// A comparison.
    Clause {
        /// As it was written, with lists and macros replaced.
        text: String,
        /// Where.
        written: Option<Written>,
        /// The name of the exception that it belongs to.
        exception: Option<String>,
        /// What it asks for, and the value; `None` is null.
        values: Vec<(String, Option<String>)>,
    },
}

/// How far an event of another kind is.
const OTHER_KIND: u32 = 8;

/// Values are cut behind so many bytes.
const LONGEST: usize = 300;

impl Explainer {
    /// Prepares a rule.
    pub fn new(loader: &Loader<'_>, rule: &Rule<'_>, schema: &dyn Schema) -> Self {
        let mut making = Making { loader, rule, schema, clauses: Vec::new(), compiler: Compiler::new() };
        let root = making.node(rule.expr);
        let Making { clauses, compiler, .. } = making;
        let (table, programs) = compiler.finish();
        Explainer { root, clauses, table, programs, memo: saker_filter::Memo::default(), truths: Vec::new() }
    }

    /// Whether the rule is true for an event, and how far the event is from the other answer.
    pub fn distance(&mut self, context: &EventContext<'_>) -> (bool, u32) {
        self.evaluate(context);
        let truth = self.truth(&self.root);
        (truth, self.far(&self.root, !truth))
    }

    /// Explains an event.
    pub fn explain(&mut self, context: &EventContext<'_>) -> Explanation {
        let (truth, distance) = self.distance(context);
        Explanation { truth, distance, root: self.step(&self.root, context, true) }
    }

    /// Decides each clause.
    fn evaluate(&mut self, context: &EventContext<'_>) {
        let mut evaluation = Evaluation::new(&self.table, context, &mut self.memo);
        self.truths.clear();
        self.truths.extend(self.programs.iter().map(|program| evaluation.matches(program)));
    }

    fn truth(&self, node: &Node) -> bool {
        match node {
            Node::All(children) => children.iter().all(|child| self.truth(child)),
            Node::Any(children) => children.iter().any(|child| self.truth(child)),
            Node::Not(child) => !self.truth(child),
            Node::Clause(clause) => self.truths.get(*clause).copied().unwrap_or_default(),
        }
    }

    /// How much must change for `node` to become `wanted`.
    fn far(&self, node: &Node, wanted: bool) -> u32 {
        let every = |children: &[Node]| {
            children.iter().fold(0u32, |sum, child| sum.saturating_add(self.far(child, wanted)))
        };
        let least =
            |children: &[Node]| children.iter().map(|child| self.far(child, wanted)).min().unwrap_or(0);
        match node {
            Node::All(children) if wanted => every(children),
            Node::All(children) => least(children),
            Node::Any(children) if wanted => least(children),
            Node::Any(children) => every(children),
            Node::Not(child) => self.far(child, !wanted),
            Node::Clause(_) if self.truth(node) == wanted => 0,
            Node::Clause(clause) => match self.clauses.get(*clause) {
                Some(clause) if clause.kind => OTHER_KIND,
                _ => 1,
            },
        }
    }

    fn step(&self, node: &Node, context: &EventContext<'_>, decisive: bool) -> Step {
        let truth = self.truth(node);
        // What makes a chain true or false: one part that differs from what it joins, or all parts together.
        let one = |truth: bool| move |part: bool| part == truth;
        let kind = match node {
            Node::All(children) if truth => StepKind::All(self.steps(children, context, decisive)),
            Node::All(children) => StepKind::All(self.first(children, context, decisive, one(false))),
            Node::Any(children) if truth => StepKind::Any(self.first(children, context, decisive, one(true))),
            Node::Any(children) => StepKind::Any(self.steps(children, context, decisive)),
            Node::Not(child) => StepKind::Not(Box::new(self.step(child, context, decisive))),
            Node::Clause(number) => match self.clauses.get(*number) {
                Some(clause) => StepKind::Clause {
                    text: clause.text.clone(),
                    written: clause.written.clone(),
                    exception: clause.exception.clone(),
                    values: clause
                        .values
                        .iter()
                        .map(|(name, asked)| (name.clone(), value(asked, context)))
                        .collect(),
                },
                // Every node has its clause.
                None => StepKind::Any(Vec::new()),
            },
        };
        Step { kind, truth, decisive }
    }

    /// Parts that decide together.
    fn steps(&self, children: &[Node], context: &EventContext<'_>, decisive: bool) -> Vec<Step> {
        children.iter().map(|child| self.step(child, context, decisive)).collect()
    }

    /// Parts of which the first that `decides` decides.
    fn first(
        &self,
        children: &[Node],
        context: &EventContext<'_>,
        decisive: bool,
        decides: impl Fn(bool) -> bool,
    ) -> Vec<Step> {
        let first = children.iter().position(|child| decides(self.truth(child)));
        let part =
            |(number, child): (usize, &Node)| self.step(child, context, decisive && first == Some(number));
        children.iter().enumerate().map(part).collect()
    }
}

struct Making<'m> {
    loader: &'m Loader<'m>,
    rule: &'m Rule<'m>,
    schema: &'m dyn Schema,
    clauses: Vec<Clause>,
    compiler: Compiler,
}

impl Making<'_> {
    fn node(&mut self, expr: &Expr) -> Node {
        match &expr.kind {
            ExprKind::And(children) => Node::All(children.iter().map(|child| self.node(child)).collect()),
            ExprKind::Or(children) => Node::Any(children.iter().map(|child| self.node(child)).collect()),
            ExprKind::Not(child) => Node::Not(Box::new(self.node(child))),
            ExprKind::Check(comparison) => self.clause(expr, comparison),
            // A rule that was loaded has none left.
            ExprKind::Macro(_) => Node::Any(Vec::new()),
        }
    }

    fn clause(&mut self, expr: &Expr, comparison: &Check) -> Node {
        // The whole condition passed, so its parts do.
        let Ok(checked) = check(expr, self.schema) else { return Node::Any(Vec::new()) };
        let number = self.compiler.add(&checked.condition);
        let mut values = Vec::new();
        self.ask(&comparison.left, &mut values);
        if let Operand::Term(term) = &comparison.right {
            self.ask(term, &mut values);
        }
        let kind = matches!(&comparison.left, Term::Field(field) if field.arg.is_none()
            && self.schema.resolve(&field.name, None).is_ok_and(|field| self.schema.events(&field, "=", &[]).is_some()));
        self.clauses.push(Clause {
            text: expr.to_string(),
            written: self.loader.written(expr.span),
            exception: self.loader.exception(self.rule, expr.span).map(str::to_owned),
            values,
            kind,
        });
        Node::Clause(number)
    }

    fn ask(&self, term: &Term, values: &mut Vec<(String, Asked)>) {
        let asked = match term {
            Term::Field(field) => {
                self.schema.resolve(&field.name, field.arg.as_deref()).ok().map(Asked::Field)
            }
            Term::Call(_) => check_term(term, self.schema).ok().map(|(source, ..)| Asked::Term(source)),
            Term::Literal(_) | Term::List(..) => None,
        };
        values.extend(asked.map(|asked| (term.to_string(), asked)));
    }
}

impl Step {
    /// The clauses that decided.
    pub fn deciding(&self) -> Vec<&Step> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'s>(&'s self, found: &mut Vec<&'s Step>) {
        match &self.kind {
            _ if !self.decisive => {}
            StepKind::All(children) | StepKind::Any(children) => {
                children.iter().for_each(|child| child.collect(found));
            }
            StepKind::Not(child) => child.collect(found),
            StepKind::Clause { .. } => found.push(self),
        }
    }

    /// A clause in one line: its truth, what it asks, the values, where it is written. Empty for other parts.
    pub fn line(&self) -> String {
        use std::fmt::Write as _;

        let StepKind::Clause { text, written, exception, values } = &self.kind else { return String::new() };
        let (end, cut) =
            if text.len() > LONGEST { (text.floor_char_boundary(LONGEST), "…") } else { (text.len(), "") };
        let truth = if self.truth { "true: " } else { "false:" };
        let mut line = format!("{truth} {}{cut}", &text[..end]);
        for (name, value) in values {
            let _ = match value {
                Some(value) => write!(line, "  [{name} = {value}]"),
                None => write!(line, "  [{name} is null]"),
            };
        }
        if let Some(exception) = exception {
            let _ = write!(line, "  exception '{exception}'");
        }
        if let Some(written) = written {
            let _ = write!(line, "  at {written}");
        }
        line
    }
}

fn value(asked: &Asked, context: &EventContext<'_>) -> Option<String> {
    let mut out = Vec::new();
    match asked {
        Asked::Field(field) => render_text(context, field, context.get(field)?, &mut out),
        Asked::Term(source) => plain_text(source.value(context)?, &mut out),
    }
    let cut = out.len() > LONGEST;
    out.truncate(LONGEST);
    let mut text: String =
        String::from_utf8_lossy(&out).chars().map(|c| if c.is_control() { '·' } else { c }).collect();
    if cut {
        text.push('…');
    }
    Some(text)
}

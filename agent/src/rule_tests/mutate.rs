//! Rules that are a little wrong: whether the tests of a rule notice when one of its clauses is dropped, negated or
//! widened. What no test notices, nobody has tested.

use std::path::Path;

use saker_filter::ast::{Check, ExprKind, Operand, Term};
use saker_filter::{Condition, EventSet, Expr, Operator, check};

use super::file::{Case, Problem, TestFile};
use super::run::{RuleSet, complaint};
use crate::rules::{Rule, Written};

/// What is done to a clause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutation {
    /// It is left out.
    Drop,
    /// It is true when it was false.
    Negate,
    /// It is true whenever its field has a value.
    Widen,
}

impl Mutation {
    /// What happened to the clause.
    pub fn word(self) -> &'static str {
        match self {
            Mutation::Drop => "dropped",
            Mutation::Negate => "negated",
            Mutation::Widen => "widened",
        }
    }
}

/// A rule with one clause changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mutant {
    /// How.
    pub mutation: Mutation,
    /// The clause, with lists and macros replaced.
    pub clause: String,
    /// Where the clause is written.
    pub written: Option<Written>,
}

/// What the tests of a rule notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey {
    /// The rule.
    pub rule: String,
    /// Where it is written.
    pub written: Option<Written>,
    /// How many cases it has.
    pub cases: usize,
    /// How many mutants were tried.
    pub tried: usize,
    /// Those that no case noticed.
    pub unnoticed: Vec<Mutant>,
}

impl Survey {
    /// How many mutants some case noticed.
    pub fn noticed(&self) -> usize {
        self.tried - self.unnoticed.len()
    }
}

/// A rule with so many mutants gets no more.
const MAX_MUTANTS: usize = 4000;

impl RuleSet<'_> {
    /// Tries the mutants of all rules that the file has cases for, and of those of `own` files that have none. Cases that fail
    /// without any mutation notice nothing.
    ///
    /// # Errors
    /// If a case cannot be run.
    pub fn mutate(
        &self,
        file: &TestFile,
        directory: &Path,
        own: &[String],
    ) -> Result<Vec<Survey>, Vec<Problem>> {
        let mut surveys = Vec::new();
        for rule in self.loader().rules() {
            let cases: Vec<&Case> = file.cases.iter().filter(|case| case.rule == rule.labels.name).collect();
            let written = self.loader().rule_written(&rule);
            if cases.is_empty() && !written.as_ref().is_some_and(|written| own.contains(&written.file)) {
                continue;
            }
            surveys.push(self.survey(&rule, written, &cases, directory)?);
        }
        Ok(surveys)
    }

    fn survey(
        &self,
        rule: &Rule<'_>,
        written: Option<Written>,
        cases: &[&Case],
        directory: &Path,
    ) -> Result<Survey, Vec<Problem>> {
        let mutants = self.mutants(rule);
        let conditions: Vec<(&Condition, EventSet)> = std::iter::once((rule.condition, rule.events))
            .chain(mutants.iter().map(|(_, condition, events)| (condition, *events)))
            .collect();
        let mut noticed = vec![false; mutants.len()];
        // Compiling takes longer than a case does.
        let detector = self.detector(&conditions);
        for case in cases {
            let hits = self.play(case, directory, rule, detector.clone(), conditions.len())?;
            let mut complaints = hits.iter().map(|hits| complaint(case, hits).is_some());
            if complaints.next() != Some(false) {
                continue;
            }
            noticed.iter_mut().zip(complaints).for_each(|(noticed, complained)| *noticed |= complained);
        }
        let unnoticed = mutants
            .iter()
            .zip(&noticed)
            .filter(|(_, noticed)| !**noticed)
            .map(|((mutant, ..), _)| mutant.clone());
        Ok(Survey {
            rule: rule.labels.name.to_owned(),
            written,
            cases: cases.len(),
            tried: mutants.len(),
            unnoticed: unnoticed.collect(),
        })
    }

    /// The mutants of a rule that differ from it.
    fn mutants(&self, rule: &Rule<'_>) -> Vec<(Mutant, Condition, EventSet)> {
        let mut clauses = Vec::new();
        find(rule.expr, &mut Vec::new(), &mut clauses);
        let mut mutants = Vec::new();
        for path in clauses {
            let Some(clause) = at(rule.expr, &path) else { continue };
            if mutants.len() >= MAX_MUTANTS {
                break;
            }
            for (mutation, changed) in mutated(rule.expr, &path) {
                // What is no condition any more, or the same one, tells nothing.
                let Ok(checked) = check(&changed, self.schema()) else { continue };
                if checked.condition == *rule.condition {
                    continue;
                }
                let mutant = Mutant {
                    mutation,
                    clause: clause.to_string(),
                    written: self.loader().written(clause.span),
                };
                mutants.push((mutant, checked.condition, checked.events));
            }
        }
        mutants
    }
}

/// The paths to all clauses: comparisons, each with a `not` that stands before it.
pub(super) fn find(expr: &Expr, path: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    match &expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => {
            for (index, child) in children.iter().enumerate() {
                path.push(index);
                find(child, path, found);
                path.pop();
            }
        }
        ExprKind::Not(child) if matches!(child.kind, ExprKind::Check(_)) => found.push(path.clone()),
        ExprKind::Not(child) => {
            path.push(0);
            find(child, path, found);
            path.pop();
        }
        ExprKind::Check(_) => found.push(path.clone()),
        ExprKind::Macro(_) => {}
    }
}

fn at<'e>(expr: &'e Expr, path: &[usize]) -> Option<&'e Expr> {
    path.iter().try_fold(expr, |expr, &index| match &expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => children.get(index),
        ExprKind::Not(child) => Some(&**child),
        _ => None,
    })
}

fn at_mut<'e>(expr: &'e mut Expr, path: &[usize]) -> Option<&'e mut Expr> {
    path.iter().try_fold(expr, |expr, &index| match &mut expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => children.get_mut(index),
        ExprKind::Not(child) => Some(&mut **child),
        _ => None,
    })
}

/// The condition with the clause at `path` changed in each way.
fn mutated(expr: &Expr, path: &[usize]) -> Vec<(Mutation, Expr)> {
    let mut out = Vec::new();
    let mut widens = false;
    if let Some((&index, above)) = path.split_last() {
        let mut changed = expr.clone();
        if let Some(parent) = at_mut(&mut changed, above) {
            widens = matches!(parent.kind, ExprKind::Or(_));
            if let ExprKind::And(children) | ExprKind::Or(children) = &mut parent.kind
                && children.len() > 1
            {
                children.remove(index);
                if let [_] = children.as_slice()
                    && let Some(only) = children.pop()
                {
                    *parent = only;
                }
                out.push((Mutation::Drop, changed));
            }
        }
    }
    let mut changed = expr.clone();
    if let Some(clause) = at_mut(&mut changed, path) {
        clause.kind = match clause.kind.clone() {
            ExprKind::Not(child) => child.kind,
            kind => ExprKind::Not(Box::new(Expr { span: clause.span, kind })),
        };
        out.push((Mutation::Negate, changed));
    }
    // Beside an `and`, a clause that is dropped is wide enough.
    let mut changed = expr.clone();
    if let Some(clause) = at_mut(&mut changed, path).filter(|_| widens || path.is_empty())
        && let ExprKind::Check(check) = &mut clause.kind
        && widen(check)
    {
        out.push((Mutation::Widen, changed));
    }
    out
}

/// Makes a comparison true for every value of its field.
fn widen(check: &mut Check) -> bool {
    if !matches!(check.left, Term::Field(_)) || check.operator == Operator::Exists {
        return false;
    }
    (check.operator, check.modifier, check.right) = (Operator::Exists, None, Operand::None);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let expr = saker_filter::parse(text, 100).unwrap();
        let mut clauses = Vec::new();
        find(&expr, &mut Vec::new(), &mut clauses);
        let mutants = clauses.iter().flat_map(|path| mutated(&expr, path));
        mutants.map(|(mutation, expr)| format!("{}: {expr}", mutation.word())).collect()
    }

    #[test]
    fn each_clause_is_changed_alone() {
        insta::assert_snapshot!(all("a.b=1 and not c.d in (x, y)").join("\n"), @r"
        dropped: not c.d in (x, y)
        negated: (not a.b = 1 and not c.d in (x, y))
        dropped: a.b = 1
        negated: (a.b = 1 and c.d in (x, y))
        ");
        insta::assert_snapshot!(all("a.b=1 and (c.d=2 or not e.f=3)").join("\n"), @r"
        dropped: (c.d = 2 or not e.f = 3)
        negated: (not a.b = 1 and (c.d = 2 or not e.f = 3))
        dropped: (a.b = 1 and not e.f = 3)
        negated: (a.b = 1 and (not c.d = 2 or not e.f = 3))
        widened: (a.b = 1 and (c.d exists or not e.f = 3))
        dropped: (a.b = 1 and c.d = 2)
        negated: (a.b = 1 and (c.d = 2 or e.f = 3))
        ");
        insta::assert_snapshot!(all("a.b=1").join("\n"), @r"
        negated: not a.b = 1
        widened: a.b exists
        ");
        insta::assert_snapshot!(all("not (a.b=1 and c.d=1)").join("\n"), @r"
        dropped: not c.d = 1
        negated: not (not a.b = 1 and c.d = 1)
        dropped: not a.b = 1
        negated: not (a.b = 1 and not c.d = 1)
        ");
    }
}

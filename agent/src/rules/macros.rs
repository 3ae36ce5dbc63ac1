//! Macros in conditions: their names are replaced in the syntax tree.
//!
//! A macro sees the macros that were defined before it was last touched, a rule sees all. So macros are replaced in
//! the order of definition, and what they use is complete already, except for macros that are defined later and seen
//! only because this one was touched after that.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use saker_filter::ast::{MAX_SIZE, Visitor};
use saker_filter::{Expr, Span};

use super::collector::Collector;

/// How many levels of macros that are only visible because they were touched later may be nested.
const MAX_LATE_MACROS: usize = 100;

/// A macro, as conditions use it.
#[derive(Clone, Debug)]
pub(super) struct CompiledMacro {
    /// What it stands for; `None` if it does not compile.
    pub expr: Option<Rc<Expr>>,
    /// Whether anything refers to it.
    pub used: bool,
}

/// Why macros cannot be replaced.
#[derive(Debug)]
pub(super) enum Problem {
    Loop(String, Span),
    Undefined(String, Span),
    TooLarge(Span),
    /// One of them does not compile itself.
    Broken,
}

/// A condition whose macros are replaced.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub expr: Rc<Expr>,
    /// What was used: the numbers of macros and what they stood for. As long as these stand for the same, the result
    /// is the same.
    pub uses: Vec<(usize, Rc<Expr>)>,
    /// Its number of nodes, if it was made for this condition.
    pub size: usize,
    /// One of the macros was seen only because it was touched later.
    pub late: bool,
}

impl Resolved {
    /// Whether all macros that it uses still stand for the same.
    pub(super) fn is_current(&self, macros: &[CompiledMacro]) -> bool {
        let same = |(index, used): &(usize, Rc<Expr>)| {
            macros.get(*index).and_then(|m| m.expr.as_ref()).is_some_and(|expr| Rc::ptr_eq(expr, used))
        };
        !self.late && self.uses.iter().all(same)
    }
}

/// The replacement of macros in one condition.
pub(super) struct Resolution<'r> {
    collector: &'r Collector,
    macros: &'r [CompiledMacro],
    /// The number of the macro whose condition this is: those before it are complete.
    index: usize,
    /// Macros that were defined before this are visible.
    visibility: usize,
    /// How many nodes may still be made, here and elsewhere.
    nodes_left: &'r mut usize,
    /// The macros that are being replaced, outermost first.
    path: Vec<usize>,
    /// Macros that are visible only because they were touched later, with theirs replaced.
    late: FxHashMap<usize, Rc<Expr>>,
    uses: Vec<(usize, Rc<Expr>)>,
}

impl<'r> Resolution<'r> {
    /// For the condition of macro number `index` with this visibility; a rule has both at their maximum.
    pub(super) fn new(
        collector: &'r Collector,
        macros: &'r [CompiledMacro],
        index: usize,
        visibility: usize,
        nodes_left: &'r mut usize,
    ) -> Self {
        let (path, late, uses) = (Vec::new(), FxHashMap::default(), Vec::new());
        Resolution { collector, macros, index, visibility, nodes_left, path, late, uses }
    }

    /// Replaces the macros in a condition.
    pub(super) fn run(mut self, expr: &Rc<Expr>) -> Result<Resolved, Problem> {
        let before = *self.nodes_left;
        let resolved = self.resolve(expr)?;
        let size = before - *self.nodes_left;
        Ok(Resolved { expr: resolved, uses: self.uses, size, late: !self.late.is_empty() })
    }

    fn resolve(&mut self, expr: &Rc<Expr>) -> Result<Rc<Expr>, Problem> {
        struct Names(Vec<(Box<str>, Span)>);
        impl Visitor for Names {
            fn identifier(&mut self, name: &str, span: Span) {
                self.0.push((name.into(), span));
            }
        }
        let mut names = Names(Vec::new());
        expr.visit(&mut names);
        if names.0.is_empty() {
            return Ok(Rc::clone(expr));
        }
        let mut found: FxHashMap<Box<str>, Rc<Expr>> = FxHashMap::default();
        let mut undefined = None;
        for (name, span) in names.0 {
            if found.contains_key(&name) {
                continue;
            }
            match self.named(&name, span) {
                Ok(expr) => drop(found.insert(name, expr)),
                // A loop is reported before an unknown name, wherever they stand.
                Err(problem @ Problem::Undefined(..)) => {
                    undefined.get_or_insert(problem);
                }
                Err(problem) => return Err(problem),
            }
        }
        if let Some(problem) = undefined {
            return Err(problem);
        }
        let mut lookup = |name: &str, _| found.get(name).map(|expr| &**expr);
        let resolved = expr.substitute(&mut lookup);
        // What became too large was work, too: it must not be possible to repeat it without end.
        let size = resolved.as_ref().map_or(MAX_SIZE, Expr::size);
        let left = self.nodes_left.checked_sub(size);
        *self.nodes_left = left.unwrap_or(0);
        match (resolved, left) {
            (Ok(resolved), Some(_)) => Ok(Rc::new(resolved)),
            _ => Err(Problem::TooLarge(expr.span)),
        }
    }

    fn named(&mut self, name: &str, span: Span) -> Result<Rc<Expr>, Problem> {
        let infos = self.collector.macros.all();
        let index = self.collector.macros.index(name);
        let index = index.filter(|&index| infos[index].order.index < self.visibility);
        let Some(index) = index else { return Err(Problem::Undefined(name.to_owned(), span)) };
        if self.path.contains(&index) {
            return Err(Problem::Loop(name.to_owned(), span));
        }
        let Some(expr) = self.macros[index].expr.clone() else { return Err(Problem::Broken) };
        self.uses.push((index, Rc::clone(&expr)));
        if index < self.index {
            return Ok(expr);
        }
        // Its own macros are not replaced yet.
        if let Some(resolved) = self.late.get(&index) {
            return Ok(Rc::clone(resolved));
        }
        if self.path.len() >= MAX_LATE_MACROS {
            return Err(Problem::TooLarge(span));
        }
        self.path.push(index);
        let resolved = self.resolve(&expr)?;
        self.path.pop();
        self.late.insert(index, Rc::clone(&resolved));
        Ok(resolved)
    }
}

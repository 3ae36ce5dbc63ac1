//! The syntax tree: what the parser makes, what macros are substituted in, what the typing reads.

use crate::diagnostic::Span;
use crate::operator::{Modifier, Operator, Transformer};

/// An expression. Chains of the same connective are one node, as the rule author wrote them: `a and b and c` has
/// three children, `a and (b and c)` has two.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expr {
    /// Where it stands, without parentheses around it.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// The kinds of expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExprKind {
    /// All children hold. Never fewer than two when parsed.
    And(Vec<Expr>),
    /// Some child holds. Never fewer than two when parsed.
    Or(Vec<Expr>),
    /// The child does not hold.
    Not(Box<Expr>),
    /// A bare name: a macro, to be replaced before typing.
    Macro(Box<str>),
    /// A comparison.
    Check(Box<Check>),
}

/// A comparison of a field, or of what transformers make of fields, with something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// The left-hand side.
    pub left: Term,
    /// The operator.
    pub operator: Operator,
    /// `oneof`, `anyof` or `allof` after a string operator.
    pub modifier: Option<Modifier>,
    /// The right-hand side.
    pub right: Operand,
}

impl Check {
    /// Operator and modifier as one text: `=`, `startswith oneof`.
    pub fn operator_text(&self) -> String {
        match self.modifier {
            Some(modifier) => format!("{} {}", self.operator, modifier.text()),
            None => self.operator.text().to_owned(),
        }
    }
}

/// The right-hand side of a comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operand {
    /// `exists` has none.
    None,
    /// A literal, or the bare name that stands where a list is expected.
    Literal(Literal),
    /// A list of literals; the span includes the parentheses.
    List(Vec<Literal>, Span),
    /// A field in `val()` or under transformers.
    Term(Term),
}

/// A literal, escapes already replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Literal {
    /// Its bytes.
    pub value: Box<[u8]>,
    /// Where it stands, with its quotes.
    pub span: Span,
}

/// A value that is computed for each event, or an argument of a transformer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Term {
    /// A field.
    Field(FieldRef),
    /// A transformer over terms.
    Call(Call),
    /// A quoted string or a number; only inside a transformer.
    Literal(Literal),
    /// A list; only inside a transformer.
    List(Vec<Term>, Span),
}

/// The mention of a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldRef {
    /// The dotted name.
    pub name: Box<str>,
    /// What stood in brackets, unescaped. `Some` of nothing for `f[""]`.
    pub arg: Option<Box<[u8]>>,
    /// Name and argument.
    pub span: Span,
}

/// A transformer with its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Which one.
    pub transformer: Transformer,
    /// Its arguments, at least one.
    pub args: Vec<Term>,
    /// What stood in brackets after it: `getopt(…)[o]`.
    pub arg: Option<Box<[u8]>>,
    /// From its name to the closing parenthesis or bracket.
    pub span: Span,
}

impl Term {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Term::Field(field) => field.span,
            Term::Call(call) => call.span,
            Term::Literal(literal) => literal.span,
            Term::List(_, span) => *span,
        }
    }

    /// Shows every part to `visitor`.
    pub fn visit(&self, visitor: &mut impl Visitor) {
        match self {
            Term::Field(field) => visitor.field(field),
            Term::Call(call) => {
                visitor.transformer(call);
                call.args.iter().for_each(|arg| arg.visit(visitor));
            }
            Term::Literal(_) => {}
            Term::List(list, _) => list.iter().for_each(|term| term.visit(visitor)),
        }
    }
}

/// Sees every part of an expression, in the order of the text. Each method does nothing unless it is overridden.
#[allow(unused_variables)]
pub trait Visitor {
    /// A macro that is not yet substituted.
    fn identifier(&mut self, name: &str, span: Span) {}
    /// A comparison; its parts follow.
    fn check(&mut self, check: &Check) {}
    /// A field, on either side.
    fn field(&mut self, field: &FieldRef) {}
    /// A transformer; its arguments follow.
    fn transformer(&mut self, call: &Call) {}
    /// A literal on the right-hand side, alone or in a list.
    fn literal(&mut self, check: &Check, literal: &Literal) {}
}

impl Expr {
    /// Shows every part to `visitor`.
    pub fn visit(&self, visitor: &mut impl Visitor) {
        match &self.kind {
            ExprKind::And(children) | ExprKind::Or(children) => {
                children.iter().for_each(|c| c.visit(visitor))
            }
            ExprKind::Not(child) => child.visit(visitor),
            ExprKind::Macro(name) => visitor.identifier(name, self.span),
            ExprKind::Check(check) => {
                visitor.check(check);
                check.left.visit(visitor);
                match &check.right {
                    Operand::None => {}
                    Operand::Literal(literal) => visitor.literal(check, literal),
                    Operand::List(list, _) => list.iter().for_each(|literal| visitor.literal(check, literal)),
                    Operand::Term(term) => term.visit(visitor),
                }
            }
        }
    }

    /// How deep the tree is: 1 for a single check.
    pub fn depth(&self) -> usize {
        match &self.kind {
            ExprKind::And(children) | ExprKind::Or(children) => {
                1 + children.iter().map(Expr::depth).max().unwrap_or(0)
            }
            ExprKind::Not(child) => 1 + child.depth(),
            ExprKind::Macro(_) | ExprKind::Check(_) => 1,
        }
    }

    /// How many nodes the tree has.
    pub fn size(&self) -> usize {
        match &self.kind {
            ExprKind::And(children) | ExprKind::Or(children) => {
                1 + children.iter().map(Expr::size).sum::<usize>()
            }
            ExprKind::Not(child) => 1 + child.size(),
            ExprKind::Macro(_) | ExprKind::Check(_) => 1,
        }
    }

    /// A copy with every identifier replaced by what `lookup` knows of it; what it does not know stays. The result
    /// is refused when it grows beyond [`MAX_DEPTH`] or [`MAX_SIZE`], which a handful of macros that use each other
    /// twice would do soon.
    pub fn substitute<'m>(
        &self,
        lookup: &mut impl FnMut(&str, Span) -> Option<&'m Expr>,
    ) -> Result<Expr, TooLarge> {
        let mut budget = MAX_SIZE;
        let mut expr = self.clone();
        expr.replace(lookup, MAX_DEPTH, &mut budget)?;
        Ok(expr)
    }

    // Kept small: this recurses as deep as the tree.
    fn replace<'m>(
        &mut self,
        lookup: &mut impl FnMut(&str, Span) -> Option<&'m Expr>,
        depth: usize,
        budget: &mut usize,
    ) -> Result<(), TooLarge> {
        if depth == 0 || *budget == 0 {
            return Err(TooLarge);
        }
        *budget -= 1;
        match &mut self.kind {
            ExprKind::And(children) | ExprKind::Or(children) => {
                for child in children {
                    child.replace(lookup, depth - 1, budget)?;
                }
            }
            ExprKind::Not(child) => child.replace(lookup, depth - 1, budget)?,
            ExprKind::Check(_) => {}
            ExprKind::Macro(name) => {
                if let Some(expr) = lookup(name, self.span) {
                    *self = expr.expanded(depth, budget)?;
                }
            }
        }
        Ok(())
    }

    /// A copy, if it is not too large for what is left.
    fn expanded(&self, depth: usize, budget: &mut usize) -> Result<Expr, TooLarge> {
        let size = self.size();
        if self.depth() > depth || size > *budget {
            return Err(TooLarge);
        }
        *budget -= size;
        Ok(self.clone())
    }
}

/// The deepest tree that is accepted after substitution of macros: recursion over it stays well within a stack.
pub const MAX_DEPTH: usize = 1000;

/// The most nodes that a tree may have after substitution of macros.
pub const MAX_SIZE: usize = 1 << 20;

/// A condition grew too large or too deep by its macros.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("condition is too large: more than {MAX_SIZE} nodes or {MAX_DEPTH} levels after expanding macros")]
pub struct TooLarge;

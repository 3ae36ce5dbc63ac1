//! Text to syntax tree.
//!
//! The grammar and its messages are Falco's. Parentheses are kept on a stack of our own, so any number of them is
//! parsed without recursion; only transformers recurse, and they have a limit. After an error the parser goes on at
//! the next connective, so that one text can have several diagnostics: the first is the one that Falco reports.

mod terms;

use crate::ast::{Check, Expr, ExprKind, Term};
use crate::diagnostic::{Diagnostic, Span};
use crate::lexer::{BadEscape, Lexer};

/// The depth that Falco grants the condition of a rule.
pub const RULE_DEPTH: usize = 1000;

/// The depth that Falco grants any other condition.
pub const DEFAULT_DEPTH: usize = 100;

/// How deep transformers may nest.
const TRANSFORMER_DEPTH: usize = 64;

/// Parentheses that leave no trace in the tree are cheap; this many per permitted level may be open.
const PARENTHESES_PER_LEVEL: usize = 100;

/// After this many errors the rest of the text is not looked at.
const MAX_DIAGNOSTICS: usize = 20;

/// Parses a condition. `max_depth` bounds the tree, not the parentheses around its parts.
pub fn parse(text: &str, max_depth: usize) -> Result<Expr, Vec<Diagnostic>> {
    parse_source(0, text, max_depth)
}

/// Parses a condition whose spans speak of text `source`.
pub fn parse_source(source: u32, text: &str, max_depth: usize) -> Result<Expr, Vec<Diagnostic>> {
    if text.is_empty() {
        let span = Span { source, start: 0, end: 0 };
        return Err(vec![Diagnostic::new("filter input string is empty", span)]);
    }
    if u32::try_from(text.len()).is_err() {
        return Err(vec![Diagnostic::new("filter input string is too long", Span::default())]);
    }
    let mut parser = Parser { lexer: Lexer::new(text), source, max_depth, diagnostics: Vec::new() };
    match parser.condition() {
        Some(expr) if parser.diagnostics.is_empty() => Ok(expr),
        _ => Err(parser.diagnostics),
    }
}

/// Parses what may stand behind the `%` of an output template: a field or a transformer, at the start of `text`.
/// Returns it with the number of bytes that it takes; what follows is plain text.
pub fn parse_term(text: &str) -> Result<(Term, usize), Diagnostic> {
    let mut parser =
        Parser { lexer: Lexer::new(text), source: 0, max_depth: DEFAULT_DEPTH, diagnostics: Vec::new() };
    let term = if let Some(name) = parser.lexer.field_name() {
        Term::Field(parser.field(name, 0)?)
    } else if let Some(transformer) = parser.transformer() {
        Term::Call(parser.call(transformer, 0, 0)?)
    } else {
        return Err(parser.error("unexpected token after '"));
    };
    Ok((term, parser.lexer.pos()))
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    source: u32,
    max_depth: usize,
    diagnostics: Vec<Diagnostic>,
}

/// What is being collected between two parentheses, or at the outermost level.
#[derive(Default)]
struct Frame {
    or: Vec<Node>,
    and: Vec<Node>,
    /// Where the current chain of `and` began.
    and_start: usize,
    or_start: usize,
    /// Where the `not`s before the current operand began, and whether their number is odd.
    not: (usize, bool),
    opened_by: Opener,
}

/// What stood before the parenthesis that opened a frame; decides where its result goes.
#[derive(Clone, Copy, Default)]
enum Opener {
    /// A parenthesis where a check may stand: the result is an operand.
    #[default]
    Operand,
    /// `and(`.
    And,
    /// `or(`: the result is a whole chain; `and` may not follow.
    Or,
}

/// A finished part, with the depth that its tree has.
struct Node {
    expr: Expr,
    depth: usize,
}

enum State {
    Operand,
    AfterOperand,
    AfterChain,
}

type Fallible<T> = Result<T, Diagnostic>;

impl<'t> Parser<'t> {
    fn span_from(&self, start: usize) -> Span {
        self.span(start, self.lexer.pos())
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source, start: start as u32, end: end as u32 }
    }

    /// An error here. The span is the word that stands here.
    fn error(&self, message: impl Into<String>) -> Diagnostic {
        let start = self.lexer.pos();
        Diagnostic::new(message, self.span(start, self.lexer.word_end()))
    }

    fn bad_escape(&self, error: BadEscape) -> Diagnostic {
        Diagnostic { message: error.message, span: self.span_from(error.start), at: self.lexer.pos() as u32 }
    }

    /// The whole text. `None` only if it was given up because of errors.
    fn condition(&mut self) -> Option<Expr> {
        let mut frames = vec![Frame::default()];
        let mut state = State::Operand;
        loop {
            let step = match state {
                State::Operand => self.operand(&mut frames),
                State::AfterOperand => self.after_operand(&mut frames),
                State::AfterChain => self.after_chain(&mut frames),
            };
            state = match step {
                Ok(Some(state)) => state,
                Ok(None) => return frames.pop().and_then(|mut frame| frame.or.pop()).map(|node| node.expr),
                Err(diagnostic) => {
                    self.diagnostics.push(diagnostic);
                    if self.diagnostics.len() == MAX_DIAGNOSTICS {
                        return None;
                    }
                    self.lexer.recover();
                    if self.lexer.at_end() {
                        return None;
                    }
                    let start = self.lexer.pos();
                    let hole = Expr { span: self.span(start, start), kind: ExprKind::Macro("".into()) };
                    let frame = frames.last_mut()?;
                    frame.and.push(Node { expr: hole, depth: 1 });
                    // A parenthesis too many was reported by whatever stopped before it.
                    while frames.len() == 1 && self.lexer.word(")") {
                        self.lexer.recover();
                    }
                    State::AfterOperand
                }
            };
        }
    }

    fn operand(&mut self, frames: &mut Vec<Frame>) -> Fallible<Option<State>> {
        let max_open = self.max_depth.saturating_mul(PARENTHESES_PER_LEVEL);
        let open = frames.len();
        let Some(frame) = frames.last_mut() else { return Ok(None) };
        self.lexer.blank();
        let start = self.lexer.pos();
        if frame.and.is_empty() {
            frame.and_start = start;
            if frame.or.is_empty() {
                frame.or_start = start;
            }
        }
        let mut odd = false;
        while self.lexer.not() {
            odd = !odd;
        }
        let opens = if self.lexer.word("not(") {
            odd = !odd;
            true
        } else {
            self.lexer.blank();
            self.lexer.word("(")
        };
        frame.not = (start, odd);
        if opens {
            if open > max_open {
                return Err(self.error(format!("exceeded max depth limit of {}", self.max_depth)));
            }
            frames.push(Frame::default());
            return Ok(Some(State::Operand));
        }
        let expr = self.check()?;
        self.push_operand(frames, Node { expr, depth: 1 })?;
        Ok(Some(State::AfterOperand))
    }

    /// Takes an operand into the chain of `and`, under the `not` that stood before it.
    fn push_operand(&mut self, frames: &mut [Frame], node: Node) -> Fallible<()> {
        let Some(frame) = frames.last_mut() else { return Ok(()) };
        let (start, odd) = std::mem::take(&mut frame.not);
        let node = if odd {
            let span = self.span_from(start);
            self.node(ExprKind::Not(Box::new(node.expr)), span, node.depth)?
        } else {
            node
        };
        frame.and.push(node);
        Ok(())
    }

    fn node(&self, kind: ExprKind, span: Span, child_depth: usize) -> Fallible<Node> {
        let depth = child_depth + 1;
        if depth > self.max_depth {
            let message = format!("exceeded max depth limit of {}", self.max_depth);
            return Err(Diagnostic { message, span, at: self.lexer.pos() as u32 });
        }
        Ok(Node { expr: Expr { span, kind }, depth })
    }

    /// Several parts become one node, a single part stays what it is.
    fn chain(&self, parts: &mut Vec<Node>, start: usize, make: fn(Vec<Expr>) -> ExprKind) -> Fallible<Node> {
        if parts.len() > 1 {
            let depth = parts.iter().map(|part| part.depth).max().unwrap_or(0);
            let end = parts.last().map_or(start, |part| part.expr.span.end as usize);
            let children = parts.drain(..).map(|part| part.expr).collect();
            return self.node(make(children), self.span(start, end), depth);
        }
        parts.pop().ok_or_else(|| self.error("expected a '(' token, a field check, or an identifier"))
    }

    /// `connective` was read: what follows it?
    fn after_connective(&mut self, connective: &str) -> Fallible<bool> {
        if self.lexer.blank() {
            return Ok(false);
        }
        if self.lexer.word("(") {
            return Ok(true);
        }
        Err(self.error(format!("expected blank or '(' after '{connective}'")))
    }

    fn after_operand(&mut self, frames: &mut Vec<Frame>) -> Fallible<Option<State>> {
        self.lexer.blank();
        if self.lexer.word("and") {
            if self.after_connective("and")? {
                frames.push(Frame { opened_by: Opener::And, ..Frame::default() });
            }
            return Ok(Some(State::Operand));
        }
        let Some(frame) = frames.last_mut() else { return Ok(None) };
        let chain = self.chain(&mut frame.and, frame.and_start, ExprKind::And)?;
        frame.or.push(chain);
        Ok(Some(State::AfterChain))
    }

    fn after_chain(&mut self, frames: &mut Vec<Frame>) -> Fallible<Option<State>> {
        self.lexer.blank();
        if self.lexer.word("or") {
            if self.after_connective("or")? {
                frames.push(Frame { opened_by: Opener::Or, ..Frame::default() });
            }
            return Ok(Some(State::Operand));
        }
        let outermost = frames.len() == 1;
        let Some(frame) = frames.last_mut() else { return Ok(None) };
        if outermost && !self.lexer.at_end() {
            let message =
                format!("unexpected token after '{}', expecting 'or', 'and'", self.lexer.last_token());
            return Err(self.error(message));
        }
        if !outermost && !self.lexer.word(")") {
            return Err(self.error("expected a ')' token"));
        }
        let node = self.chain(&mut frame.or, frame.or_start, ExprKind::Or)?;
        if outermost {
            frame.or.push(node);
            return Ok(None);
        }
        let opener = frame.opened_by;
        frames.pop();
        match opener {
            Opener::Operand => self.push_operand(frames, node)?,
            Opener::And => {
                if let Some(frame) = frames.last_mut() {
                    frame.and.push(node);
                }
            }
            Opener::Or => {
                if let Some(frame) = frames.last_mut() {
                    frame.or.push(node);
                }
                return Ok(Some(State::AfterChain));
            }
        }
        Ok(Some(State::AfterOperand))
    }

    /// A comparison or the name of a macro.
    fn check(&mut self) -> Fallible<Expr> {
        let start = self.lexer.pos();
        let left = if let Some(name) = self.lexer.field_name() {
            Term::Field(self.field(name, start)?)
        } else if let Some(transformer) = self.transformer() {
            Term::Call(self.call(transformer, start, 0)?)
        } else if let Some(name) = self.lexer.identifier() {
            return Ok(Expr { span: self.span_from(start), kind: ExprKind::Macro(name.into()) });
        } else {
            return Err(self.error("expected a '(' token, a field check, or an identifier"));
        };
        self.lexer.blank();
        let (operator, modifier, right) = self.comparison()?;
        let check = Check { left, operator, modifier, right };
        Ok(Expr { span: self.span_from(start), kind: ExprKind::Check(Box::new(check)) })
    }
}

#[cfg(test)]
mod tests;

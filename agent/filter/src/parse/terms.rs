//! The parts of a comparison: operator, literals, lists, fields and transformers.

use super::{Fallible, Parser, TRANSFORMER_DEPTH};
use crate::ast::{Call, FieldRef, Literal, Operand, Term};
use crate::operator::{Modifier, Operator, OperatorKind, Transformer};

impl<'t> Parser<'t> {
    pub(super) fn comparison(&mut self) -> Fallible<(Operator, Option<Modifier>, Operand)> {
        if let Some(operator) = self.lexer.operator(OperatorKind::Unary) {
            return Ok((operator, None, Operand::None));
        }
        if let Some(operator) = self.lexer.operator(OperatorKind::Number) {
            return Ok((operator, None, self.number()?));
        }
        if let Some(operator) = self.lexer.operator(OperatorKind::Text) {
            if let Some(modifier) = self.modifier() {
                return Ok((operator, Some(modifier), self.list()?));
            }
            return Ok((operator, None, self.text()?));
        }
        if let Some(operator) = self.lexer.operator(OperatorKind::List) {
            return Ok((operator, None, self.list()?));
        }
        Err(self.error(format!("expected a valid check operator: one of {}", quoted_names(Operator::ALL))))
    }

    /// A modifier, if the word is meant as one: blanks on both sides, then a list or a name that is no connective.
    /// Otherwise nothing is consumed, and the word is a value.
    fn modifier(&mut self) -> Option<Modifier> {
        let start = self.lexer.pos();
        let found = self.lexer.blank().then(|| {
            let modifier = *Modifier::ALL.iter().find(|modifier| self.lexer.peek_word(modifier.text()))?;
            self.lexer.seek(self.lexer.pos() + modifier.text().len());
            let behind = self.lexer.blank().then(|| self.lexer.pos())?;
            let list = self.lexer.peek_word("(")
                || self.lexer.peek_identifier().is_some_and(|name| !matches!(name, "and" | "or" | "not"));
            self.lexer.seek(behind);
            list.then_some(modifier)
        });
        if found.flatten().is_none() {
            self.lexer.seek(start);
        }
        found.flatten()
    }

    fn number(&mut self) -> Fallible<Operand> {
        self.lexer.blank();
        if let Some(term) = self.right_term()? {
            return Ok(Operand::Term(term));
        }
        let start = self.lexer.pos();
        match self.lexer.number() {
            Some(text) => Ok(Operand::Literal(self.literal(text.as_bytes().into(), start))),
            None => Err(self.error(format!(
                "expected a number value or a field with a valid transformer: {}",
                quoted_names(Transformer::ALL)
            ))),
        }
    }

    fn text(&mut self) -> Fallible<Operand> {
        self.lexer.blank();
        if let Some(term) = self.right_term()? {
            return Ok(Operand::Term(term));
        }
        match self.string()? {
            Some(literal) => Ok(Operand::Literal(literal)),
            None => Err(self.error(format!(
                "expected a string value or a field with a valid transformer: {}",
                quoted_names(Transformer::ALL)
            ))),
        }
    }

    /// A string, quoted or bare.
    fn string(&mut self) -> Fallible<Option<Literal>> {
        if let Some(literal) = self.quoted()? {
            return Ok(Some(literal));
        }
        let start = self.lexer.pos();
        Ok(self.lexer.bare_string().map(|text| self.literal(text.as_bytes().into(), start)))
    }

    fn quoted(&mut self) -> Fallible<Option<Literal>> {
        let start = self.lexer.pos();
        match self.lexer.quoted() {
            Some(Ok(value)) => Ok(Some(self.literal(value, start))),
            Some(Err(error)) => Err(self.bad_escape(error)),
            None => Ok(None),
        }
    }

    fn literal(&self, value: Box<[u8]>, start: usize) -> Literal {
        Literal { value, span: self.span_from(start) }
    }

    fn list(&mut self) -> Fallible<Operand> {
        self.lexer.blank();
        let start = self.lexer.pos();
        if self.lexer.word("(") {
            let mut values = Vec::new();
            self.lexer.blank();
            if let Some(first) = self.string()? {
                values.push(first);
                self.lexer.blank();
                while self.lexer.word(",") {
                    self.lexer.blank();
                    match self.string()? {
                        Some(value) => values.push(value),
                        None => return Err(self.error("expected a string value")),
                    }
                    self.lexer.blank();
                }
            }
            if !self.lexer.word(")") {
                return Err(self.error("expected a ')' token"));
            }
            return Ok(Operand::List(values, self.span_from(start)));
        }
        if let Some(term) = self.right_term()? {
            return Ok(Operand::Term(term));
        }
        match self.lexer.identifier() {
            Some(name) => Ok(Operand::Literal(self.literal(name.as_bytes().into(), start))),
            None => Err(self.error(format!(
                "expected a list, an identifier, or a field with a valid transformer: {}",
                quoted_names(Transformer::ALL)
            ))),
        }
    }

    /// `val(field)` or a transformer on the right-hand side.
    fn right_term(&mut self) -> Fallible<Option<Term>> {
        let start = self.lexer.pos();
        if self.lexer.word("val(") {
            self.lexer.blank();
            let at = self.lexer.pos();
            let Some(name) = self.lexer.field_name() else {
                return Err(self.error("expected a field within 'val' transformer"));
            };
            let field = Term::Field(self.field(name, at)?);
            self.close_call()?;
            let (transformer, span) = (Transformer::Val, self.span_from(start));
            return Ok(Some(Term::Call(Call { transformer, args: vec![field], arg: None, span })));
        }
        match self.transformer() {
            Some(transformer) => Ok(Some(Term::Call(self.call(transformer, start, 0)?))),
            None => Ok(None),
        }
    }

    /// The name of a transformer with its opening parenthesis. `val` is none here.
    pub(super) fn transformer(&mut self) -> Option<Transformer> {
        let transformer = *Transformer::ALL.iter().find(|&&transformer| {
            transformer != Transformer::Val && self.lexer.peek_call(transformer.text())
        })?;
        self.lexer.seek(self.lexer.pos() + transformer.text().len() + 1);
        Some(transformer)
    }

    /// What follows the opening parenthesis of a transformer.
    pub(super) fn call(&mut self, transformer: Transformer, start: usize, depth: usize) -> Fallible<Call> {
        if depth >= TRANSFORMER_DEPTH.min(self.max_depth) {
            return Err(self.error(format!("exceeded max depth limit of {}", self.max_depth)));
        }
        let mut args = Vec::new();
        loop {
            self.lexer.blank();
            args.push(self.argument(depth)?);
            self.lexer.blank();
            if !self.lexer.word(",") {
                break;
            }
        }
        self.close_call()?;
        let arg = self.bracketed()?;
        Ok(Call { transformer, args, arg, span: self.span_from(start) })
    }

    fn close_call(&mut self) -> Fallible<()> {
        self.lexer.blank();
        if self.lexer.word(")") {
            return Ok(());
        }
        Err(self.error("expected a ')' token closing the transformer"))
    }

    fn argument(&mut self, depth: usize) -> Fallible<Term> {
        let start = self.lexer.pos();
        if self.lexer.word("(") {
            return self.term_list(start, depth);
        }
        match self.simple_term(depth)? {
            Some(term) => Ok(term),
            None => Err(self.error(
                "expected field transformer argument: field, transformer, quoted string, number, or transformer list",
            )),
        }
    }

    fn term_list(&mut self, start: usize, depth: usize) -> Fallible<Term> {
        let mut terms = Vec::new();
        self.lexer.blank();
        if !self.lexer.word(")") {
            loop {
                self.lexer.blank();
                match self.simple_term(depth)? {
                    Some(term) => terms.push(term),
                    None => {
                        return Err(self.error(
                            "expected transformer list argument: field, transformer, quoted string, or number",
                        ));
                    }
                }
                self.lexer.blank();
                if !self.lexer.word(",") {
                    break;
                }
            }
            if !self.lexer.word(")") {
                return Err(self.error("expected ')'"));
            }
        }
        Ok(Term::List(terms, self.span_from(start)))
    }

    /// A field, a transformer, a quoted string or a number.
    fn simple_term(&mut self, depth: usize) -> Fallible<Option<Term>> {
        let start = self.lexer.pos();
        if let Some(name) = self.lexer.field_name() {
            return Ok(Some(Term::Field(self.field(name, start)?)));
        }
        if let Some(transformer) = self.transformer() {
            return Ok(Some(Term::Call(self.call(transformer, start, depth + 1)?)));
        }
        if let Some(literal) = self.quoted()? {
            return Ok(Some(Term::Literal(literal)));
        }
        Ok(self.lexer.number().map(|text| Term::Literal(self.literal(text.as_bytes().into(), start))))
    }

    pub(super) fn field(&mut self, name: &str, start: usize) -> Fallible<FieldRef> {
        let arg = self.bracketed()?;
        Ok(FieldRef { name: name.into(), arg, span: self.span_from(start) })
    }

    /// `[argument]`, if there is one.
    fn bracketed(&mut self) -> Fallible<Option<Box<[u8]>>> {
        if !self.lexer.word("[") {
            return Ok(None);
        }
        let arg = match self.quoted()? {
            Some(literal) => literal.value,
            None => match self.lexer.bare_argument() {
                Some(text) => text.as_bytes().into(),
                None => {
                    return Err(
                        self.error("expected a valid field argument: a quoted string or a bare string")
                    );
                }
            },
        };
        if !self.lexer.word("]") {
            return Err(self.error("expected a ']' token"));
        }
        Ok(Some(arg))
    }
}

fn quoted_names(names: &[impl std::fmt::Display]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

//! Prints syntax trees the way Falco does in `condition_compiled`: one blank around operators, parentheses around
//! every chain of a connective, quotes only where a value needs them.
//!
//! This is what users compare with Falco's output, so it keeps Falco's weaknesses: an empty value prints as nothing
//! and a value with parentheses prints without quotes.

use std::fmt::{self, Display, Formatter, Write};

use crate::ast::{Call, Check, Expr, ExprKind, FieldRef, Literal, Operand, Term};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::And(children) => chain(f, children, " and "),
            ExprKind::Or(children) => chain(f, children, " or "),
            ExprKind::Not(child) => write!(f, "not {child}"),
            ExprKind::Macro(name) => f.write_str(name),
            ExprKind::Check(check) => check.fmt(f),
        }
    }
}

fn chain(f: &mut Formatter<'_>, children: &[Expr], connective: &str) -> fmt::Result {
    f.write_str("(")?;
    separated(f, children, connective)?;
    f.write_str(")")
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

impl Display for Check {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.operator)?;
        if let Some(modifier) = self.modifier {
            write!(f, " {}", modifier.text())?;
        }
        match &self.right {
            Operand::None => Ok(()),
            Operand::Literal(literal) => write!(f, " {literal}"),
            Operand::List(list, _) => {
                f.write_str(" (")?;
                separated(f, list, ", ")?;
                f.write_str(")")
            }
            Operand::Term(term) => write!(f, " {term}"),
        }
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Term::Field(field) => field.fmt(f),
            Term::Call(call) => call.fmt(f),
            Term::Literal(literal) => literal.fmt(f),
            Term::List(list, _) => {
                f.write_str("(")?;
                separated(f, list, ",")?;
                f.write_str(")")
            }
        }
    }
}

impl Display for FieldRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        argument(f, self.arg.as_deref())
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.transformer)?;
        separated(f, &self.args, ",")?;
        f.write_str(")")?;
        argument(f, self.arg.as_deref())
    }
}

fn argument(f: &mut Formatter<'_>, arg: Option<&[u8]>) -> fmt::Result {
    match arg {
        None | Some([]) => Ok(()),
        Some(arg) => {
            f.write_str("[")?;
            escaped(f, arg)?;
            f.write_str("]")
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        escaped(f, &self.value)
    }
}

/// Writes a value, in double quotes if one of its characters asks for them.
pub(crate) fn escaped(f: &mut impl Write, value: &[u8]) -> fmt::Result {
    const QUOTED: &[char] = &['\x08', '\x0c', '\n', '\r', '\t', ' ', '\\', '"', '\''];
    let value = String::from_utf8_lossy(value);
    if !value.contains(QUOTED) {
        return f.write_str(&value);
    }
    f.write_char('"')?;
    for c in value.chars() {
        match c {
            '\x08' => f.write_str("\\b")?,
            '\x0c' => f.write_str("\\f")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\\' => f.write_str("\\\\")?,
            '"' => f.write_str("\\\"")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

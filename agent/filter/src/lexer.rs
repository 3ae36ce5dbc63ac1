//! Tokens of the condition language, cut from the text on the parser's demand: what a run of characters means
//! depends on where it stands, so there is no separate pass.

use crate::operator::{Operator, OperatorKind};

/// The reading position, and the last token, which Falco names in one of its messages.
pub(crate) struct Lexer<'t> {
    text: &'t str,
    pos: usize,
    last: Token,
    /// No closing quote stands behind these positions, for `'` and for `"`. Spares the search from every quote of a
    /// text that has many.
    unclosed: [Option<usize>; 2],
}

/// A token: a range of the text, or the unescaped inside of quotes.
#[derive(Clone)]
enum Token {
    Range(usize, usize),
    Quoted(Box<str>),
}

/// A quoted string with an escape that does not exist.
pub(crate) struct BadEscape {
    pub(crate) message: String,
    pub(crate) start: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Lexer { text, pos: 0, last: Token::Range(0, 0), unclosed: [None; 2] }
    }

    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    /// Moves back (or on) to a position that this lexer has returned.
    pub(crate) fn seek(&mut self, pos: usize) {
        self.pos = pos;
    }

    pub(crate) fn at_end(&self) -> bool {
        self.pos == self.text.len()
    }

    pub(crate) fn last_token(&self) -> &str {
        match &self.last {
            Token::Range(start, end) => &self.text[*start..*end],
            Token::Quoted(text) => text,
        }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.pos..]
    }

    fn take(&mut self, length: usize) -> &'t str {
        let start = self.pos;
        self.pos += length;
        self.last = Token::Range(start, self.pos);
        &self.text[start..self.pos]
    }

    fn take_if(&mut self, length: usize) -> Option<&'t str> {
        (length > 0).then(|| self.take(length))
    }

    /// Skips blanks; tells whether there were any. Not a token.
    pub(crate) fn blank(&mut self) -> bool {
        let length = self.rest().iter().take_while(|&&byte| is_blank(byte)).count();
        self.pos += length;
        length > 0
    }

    pub(crate) fn word(&mut self, word: &str) -> bool {
        self.rest().starts_with(word.as_bytes()) && {
            self.take(word.len());
            true
        }
    }

    /// `not` with white space behind it.
    pub(crate) fn not(&mut self) -> bool {
        let Some(behind) = self.rest().strip_prefix(b"not") else { return false };
        let space = behind.iter().take_while(|&&byte| is_space(byte)).count();
        space > 0 && {
            self.take(3 + space);
            true
        }
    }

    pub(crate) fn peek_word(&self, word: &str) -> bool {
        self.rest().starts_with(word.as_bytes())
    }

    /// Whether `name` and an opening parenthesis come next.
    pub(crate) fn peek_call(&self, name: &str) -> bool {
        self.rest().strip_prefix(name.as_bytes()).is_some_and(|behind| behind.first() == Some(&b'('))
    }

    pub(crate) fn peek_identifier(&self) -> Option<&'t str> {
        match identifier_length(self.rest()) {
            0 => None,
            length => Some(&self.text[self.pos..self.pos + length]),
        }
    }

    /// Where the word that stands here ends: what an error here points at.
    pub(crate) fn word_end(&self) -> usize {
        let rest = &self.text[self.pos..];
        let word = rest.find(|c: char| c.is_whitespace() || "()\"',[]".contains(c)).unwrap_or(rest.len());
        let first = rest.chars().next().map_or(0, char::len_utf8);
        self.pos + word.max(first)
    }

    pub(crate) fn identifier(&mut self) -> Option<&'t str> {
        self.take_if(identifier_length(self.rest()))
    }

    /// Two or more identifiers joined by dots.
    pub(crate) fn field_name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let first = identifier_length(rest);
        let mut length = first;
        while length > 0 && rest.get(length) == Some(&b'.') {
            match identifier_length(&rest[length + 1..]) {
                0 => break,
                next => length += 1 + next,
            }
        }
        self.take_if(if length > first { length } else { 0 })
    }

    pub(crate) fn bare_argument(&mut self) -> Option<&'t str> {
        self.take_while(|byte| !matches!(byte, b'[' | b']' | b'"' | b'\'') && !is_space(byte))
    }

    pub(crate) fn bare_string(&mut self) -> Option<&'t str> {
        self.take_while(|byte| !matches!(byte, b'(' | b')' | b'"' | b'\'' | b'=' | b',') && !is_space(byte))
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> Option<&'t str> {
        // Only ASCII bytes are refused, so this ends between characters.
        let length = self.rest().iter().take_while(|&&byte| accept(byte)).count();
        self.take_if(length)
    }

    /// A number in decimal, with an exponent if it is signed, or in hexadecimal.
    pub(crate) fn number(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if let [b'0', b'x' | b'X', ..] = rest {
            let length = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            if length > 0 {
                return self.take_if(2 + length);
            }
        }
        let sign = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
        let whole = digits(sign);
        if whole == 0 {
            return None;
        }
        let mut length = sign + whole;
        if rest.get(length) == Some(&b'.') {
            length += 1 + digits(length + 1);
        }
        if let [b'e' | b'E', b'+' | b'-', ..] = rest[length..] {
            let exponent = digits(length + 2);
            if exponent > 0 {
                length += 2 + exponent;
            }
        }
        self.take_if(length)
    }

    /// A string in quotes of either kind, unescaped. Without a closing quote there is none, and nothing is consumed.
    pub(crate) fn quoted(&mut self) -> Option<Result<Box<[u8]>, BadEscape>> {
        let rest = self.rest();
        let delimiter = *rest.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        let end = self.closing_quote(self.pos, delimiter)?;
        let start = self.pos;
        let inner = &self.text[start + 1..end];
        self.pos = end + 1;
        match unescape(inner, delimiter) {
            Ok(value) => {
                self.last = Token::Quoted(value.clone());
                Some(Ok(value.into_boxed_bytes()))
            }
            Err(message) => Some(Err(BadEscape { message, start })),
        }
    }

    /// Where the string that opens at `start` closes: at the next such quote that no backslash precedes, even if that
    /// backslash is itself escaped. A NUL ends the search.
    fn closing_quote(&mut self, start: usize, delimiter: u8) -> Option<usize> {
        let known = &mut self.unclosed[usize::from(delimiter == b'"')];
        if known.is_some_and(|behind| start >= behind) {
            return None;
        }
        let bytes = self.text.as_bytes();
        let mut from = start + 1;
        while let Some(found) = memchr::memchr2(delimiter, 0, &bytes[from..]) {
            let at = from + found;
            if bytes[at] == 0 {
                return None;
            }
            if at == start + 1 || bytes[at - 1] != b'\\' {
                return Some(at);
            }
            from = at + 1;
        }
        *known = Some(start);
        None
    }

    /// An operator of the kind, with the blank that it needs.
    pub(crate) fn operator(&mut self, kind: OperatorKind) -> Option<Operator> {
        let operator = *Operator::ALL.iter().find(|operator| {
            operator.kind() == kind && self.rest().starts_with(operator.text().as_bytes())
        })?;
        let text = operator.text();
        if operator.needs_blank() {
            self.rest().get(text.len()).filter(|&&byte| is_blank(byte))?;
        }
        self.take(text.len());
        Some(operator)
    }

    /// Skips to where parsing can go on after an error: an `and` or `or` between blanks or parentheses, or a
    /// parenthesis that closes one opened before. Strings and inner parentheses are jumped over.
    pub(crate) fn recover(&mut self) {
        let bytes = self.text.as_bytes();
        let mut open = 0usize;
        while let Some(&byte) = bytes.get(self.pos) {
            match byte {
                b'"' | b'\'' => {
                    if let Some(end) = self.closing_quote(self.pos, byte) {
                        self.pos = end;
                    }
                }
                b'(' => open += 1,
                b')' if open == 0 => return,
                b')' => open -= 1,
                b'a' | b'o' if open == 0 => {
                    let free = self.pos == 0 || is_blank(bytes[self.pos - 1]) || bytes[self.pos - 1] == b')';
                    let length = if byte == b'a' { 3 } else { 2 };
                    let word = self.rest().starts_with(b"and") || self.rest().starts_with(b"or");
                    let ends = bytes.get(self.pos + length).is_some_and(|&b| is_blank(b) || b == b'(');
                    if free && word && ends {
                        return;
                    }
                }
                _ => {}
            }
            self.pos += 1;
        }
    }
}

fn identifier_length(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(byte) if byte.is_ascii_alphabetic() => {
            bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
        }
        _ => 0,
    }
}

/// What separates tokens.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x08 | b'\r' | b'\n')
}

/// POSIX `[:space:]`: what ends a bare string.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Replaces escapes. `\ ` is a backslash: old rules are written so.
fn unescape(text: &str, delimiter: u8) -> Result<Box<str>, String> {
    if !text.contains('\\') {
        return Ok(text.into());
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(escape) = chars.next() else { break };
        out.push(match escape {
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            ' ' | '\\' => '\\',
            '/' => '/',
            '"' | '\'' if escape as u32 == u32::from(delimiter) => escape,
            '"' => return Err("invalid \\\" escape in '-quoted string".to_owned()),
            '\'' => return Err("invalid \\' escape in \"-quoted string".to_owned()),
            other => return Err(format!("unsupported string escape sequence: \\{other}")),
        });
    }
    Ok(out.into())
}

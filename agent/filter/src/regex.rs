//! Regular expressions as `regex` takes them: RE2 in POSIX syntax, over the whole value, in linear time.
//!
//! RE2's POSIX syntax is no subset of what the regex crates read (`\d`, `(?…)` and a `-` in the middle of a class are
//! errors, `{` may be literal, `^` and `$` know lines), so the pattern is parsed here and handed over as an HIR.

use std::fmt;
use std::hash::{Hash, Hasher};

use regex_automata::meta;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};

/// A compiled pattern. Equal when the patterns are.
#[derive(Clone)]
pub struct Regex {
    pattern: Box<str>,
    compiled: meta::Regex,
}

/// How much memory the automaton of one pattern may take.
const SIZE_LIMIT: usize = 8 << 20;

/// How deep groups may nest.
const MAX_DEPTH: usize = 200;

/// RE2's bound of a counted repetition, also of nested ones multiplied.
const MAX_REPEAT: u32 = 1000;

impl Regex {
    /// Compiles a pattern. The error is RE2's text.
    pub fn new(pattern: &[u8]) -> Result<Self, String> {
        let pattern = std::str::from_utf8(pattern).map_err(|_| "invalid UTF-8".to_owned())?;
        let inner = Parser { pattern, rest: pattern, depth: 0 }.parse()?;
        let whole = Hir::concat(vec![Hir::look(Look::Start), inner.hir, Hir::look(Look::End)]);
        let config = meta::Config::new()
            .nfa_size_limit(Some(SIZE_LIMIT))
            .onepass_size_limit(Some(1 << 16))
            .hybrid_cache_capacity(1 << 18)
            .utf8_empty(false);
        let compiled = meta::Builder::new()
            .configure(config)
            .build_from_hir(&whole)
            .map_err(|_| "pattern too large - compile failed".to_owned())?;
        Ok(Regex { pattern: pattern.into(), compiled })
    }

    /// The pattern as it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the whole of `value` matches.
    pub fn matches(&self, value: &[u8]) -> bool {
        self.compiled.is_match(Input::new(value).anchored(Anchored::Yes))
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Regex {}

impl Hash for Regex {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pattern.hash(state);
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.pattern)
    }
}

struct Parser<'p> {
    pattern: &'p str,
    rest: &'p str,
    depth: usize,
}

/// A parsed part, with the product of the counts of the repetitions nested in it.
struct Part {
    hir: Hir,
    repeats: u32,
}

impl Part {
    fn plain(hir: Hir) -> Self {
        Part { hir, repeats: 1 }
    }
}

impl<'p> Parser<'p> {
    fn parse(mut self) -> Result<Part, String> {
        let part = self.alternation()?;
        if self.rest.is_empty() {
            return Ok(part);
        }
        Err(format!("unexpected ): {}", self.pattern))
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// What has been consumed since `start`.
    fn since(&self, start: &'p str) -> &'p str {
        &start[..start.len() - self.rest.len()]
    }

    fn alternation(&mut self) -> Result<Part, String> {
        let mut branches = Vec::new();
        let mut repeats = 1;
        loop {
            let branch = self.concatenation()?;
            repeats = repeats.max(branch.repeats);
            branches.push(branch.hir);
            if !self.eat("|") {
                return Ok(Part { hir: Hir::alternation(branches), repeats });
            }
        }
    }

    fn concatenation(&mut self) -> Result<Part, String> {
        let mut parts: Vec<Part> = Vec::new();
        while let Some(c) = self.rest.chars().next() {
            let start = self.rest;
            match c {
                '|' | ')' => break,
                '*' | '+' | '?' => {
                    self.next();
                    let (min, max) = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    repeat(&mut parts, min, max, 1, self.since(start))?;
                }
                '{' => match self.counts() {
                    Some((min, max)) => {
                        let operator = self.since(start);
                        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
                            return Err(format!("invalid repetition size: {operator}"));
                        }
                        repeat(&mut parts, min, max, max.unwrap_or(min).max(1), operator)?;
                    }
                    None => {
                        self.next();
                        parts.push(Part::plain(literal('{')));
                    }
                },
                _ => parts.push(self.atom()?),
            }
        }
        let repeats = parts.iter().map(|part| part.repeats).max().unwrap_or(1);
        Ok(Part { hir: Hir::concat(parts.into_iter().map(|part| part.hir).collect()), repeats })
    }

    fn atom(&mut self) -> Result<Part, String> {
        if self.rest.starts_with('[') {
            return Ok(Part::plain(class(self.class()?)));
        }
        match self.next() {
            Some('(') => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err("nested too deeply".to_owned());
                }
                let part = self.alternation()?;
                self.depth -= 1;
                if self.eat(")") { Ok(part) } else { Err(format!("missing ): {}", self.pattern)) }
            }
            Some('.') => {
                let mut any = ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]);
                any.negate();
                Ok(Part::plain(class(any)))
            }
            Some('^') => Ok(Part::plain(Hir::look(Look::StartLF))),
            Some('$') => Ok(Part::plain(Hir::look(Look::EndLF))),
            Some('\\') => Ok(Part::plain(literal(self.escape()?))),
            Some(c) => Ok(Part::plain(literal(c))),
            None => Ok(Part::plain(Hir::empty())),
        }
    }

    /// `{n}`, `{n,}` or `{n,m}`; anything else is no repetition, and nothing is consumed.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let before = self.rest;
        let counts = self.try_counts();
        if counts.is_none() {
            self.rest = before;
        }
        counts
    }

    fn try_counts(&mut self) -> Option<(u32, Option<u32>)> {
        self.eat("{");
        let min = self.integer()?;
        let max = if !self.eat(",") {
            Some(min)
        } else if self.rest.starts_with('}') {
            None
        } else {
            Some(self.integer()?)
        };
        self.eat("}").then_some((min, max))
    }

    fn integer(&mut self) -> Option<u32> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        // Leading zeros make it no number, and no count has nine digits.
        if length == 0 || (length > 1 && digits.starts_with('0')) {
            return None;
        }
        self.rest = rest;
        Some(digits.parse().unwrap_or(u32::MAX))
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, String> {
        let start = self.rest;
        let bad = |parser: &Self| Err(format!("invalid escape sequence: \\{}", parser.since(start)));
        let Some(c) = self.next() else { return Err("trailing \\".to_owned()) };
        let code = match c {
            '1'..='7' if !self.rest.starts_with(|next: char| next.is_digit(8)) => return bad(self),
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    match self.rest.chars().next().and_then(|next| next.to_digit(8)) {
                        Some(digit) => code = code * 8 + digit,
                        None => break,
                    }
                    self.next();
                }
                code
            }
            'x' => match self.hexadecimal() {
                Some(code) => code,
                None => return bad(self),
            },
            'a' => 0x07,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => u32::from(c),
            _ => return bad(self),
        };
        char::from_u32(code).map_or_else(|| bad(self), Ok)
    }

    /// `xHH` or `x{H…}`, after the `x`.
    fn hexadecimal(&mut self) -> Option<u32> {
        let braced = self.eat("{");
        let mut code = 0u32;
        let mut digits = 0;
        while braced || digits < 2 {
            let c = self.next()?;
            if braced && c == '}' {
                break;
            }
            code = code.checked_mul(16)?.checked_add(c.to_digit(16)?)?;
            digits += 1;
        }
        (digits > 0 && code <= 0x10_ffff).then_some(code)
    }

    fn class(&mut self) -> Result<ClassUnicode, String> {
        let whole = self.rest;
        let missing = || format!("missing ]: {whole}");
        self.next();
        let negated = self.eat("^");
        let mut set = ClassUnicode::empty();
        let mut first = true;
        loop {
            if self.rest.is_empty() {
                return Err(missing());
            }
            if !first && self.eat("]") {
                break;
            }
            let start = self.rest;
            if start.starts_with('-') && !first && !start.starts_with("-]") {
                self.next();
                self.next();
                return Err(format!("invalid character class range: {}", self.since(start)));
            }
            first = false;
            if let Some(behind) = start.strip_prefix("[:")
                && let Some(end) = behind.find(":]")
            {
                self.rest = &behind[end + 2..];
                let name = &behind[..end];
                let (negated, name) = match name.strip_prefix('^') {
                    Some(name) => (true, name),
                    None => (false, name),
                };
                let Some(ranges) = posix_class(name) else {
                    return Err(format!("invalid character class range: {}", self.since(start)));
                };
                let ranges = ranges.chunks_exact(2).map(|r| ClassUnicodeRange::new(r[0].into(), r[1].into()));
                let mut named = ClassUnicode::new(ranges);
                if negated {
                    named.negate();
                }
                set.union(&named);
                continue;
            }
            let low = self.class_char()?.ok_or_else(missing)?;
            let mut high = low;
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                high = self.class_char()?.ok_or_else(missing)?;
                if high < low {
                    return Err(format!("invalid character class range: {}", self.since(start)));
                }
            }
            set.push(ClassUnicodeRange::new(low, high));
        }
        if negated {
            set.negate();
        }
        Ok(set)
    }

    fn class_char(&mut self) -> Result<Option<char>, String> {
        match self.next() {
            Some('\\') => self.escape().map(Some),
            c => Ok(c),
        }
    }
}

fn repeat(
    parts: &mut Vec<Part>,
    min: u32,
    max: Option<u32>,
    factor: u32,
    operator: &str,
) -> Result<(), String> {
    let Some(part) = parts.pop() else {
        return Err(format!("no argument for repetition operator: {operator}"));
    };
    let repeats = part.repeats.saturating_mul(factor);
    if repeats > MAX_REPEAT {
        return Err(format!("invalid repetition size: {operator}"));
    }
    let hir = Hir::repetition(Repetition { min, max, greedy: true, sub: Box::new(part.hir) });
    parts.push(Part { hir, repeats });
    Ok(())
}

fn literal(c: char) -> Hir {
    Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes())
}

fn class(set: ClassUnicode) -> Hir {
    Hir::class(Class::Unicode(set))
}

/// The ranges of a named class, as pairs of first and last.
fn posix_class(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "alnum" => b"09AZaz",
        "alpha" => b"AZaz",
        "ascii" => b"\x00\x7f",
        "blank" => b"\t\t  ",
        "cntrl" => b"\x00\x1f\x7f\x7f",
        "digit" => b"09",
        "graph" => b"!~",
        "lower" => b"az",
        "print" => b" ~",
        "punct" => b"!/:@[`{~",
        "space" => b"\t\r  ",
        "upper" => b"AZ",
        "word" => b"09AZaz__",
        "xdigit" => b"09AFaf",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(pattern: &str) -> String {
        Regex::new(pattern.as_bytes()).expect_err(pattern)
    }

    #[test]
    fn matches_whole_values() {
        let yes = [
            ("a.c", "abc"),
            ("(cat|dog)s?", "dogs"),
            ("[[:alpha:]_]+[0-9]{2,3}", "x_y12"),
            (r"/dev/\.x", "/dev/.x"),
            ("[]a]+", "]a"),
            ("[^]a]+", "bc\n"),
            ("a{,2}", "a{,2}"),
            ("x{a", "x{a"),
            ("a**", ""),
            (".*?null", "/dev/null"),
            ("^a$|b", "a"),
            ("^/dev/null$", "/dev/null"),
            ("a$\n^b", "a\nb"),
            (r"\x41\x{e9}\101", "AéA"),
            ("", ""),
            ("(|a)", ""),
            ("[a-]", "-"),
            ("[[:^digit:]]", "x"),
            (r"[\]\\-]", "\\"),
        ];
        for (pattern, value) in yes {
            assert!(Regex::new(pattern.as_bytes()).unwrap().matches(value.as_bytes()), "{pattern} {value}");
        }
        for (pattern, value) in [("a", "ba"), ("a", "ab"), ("a.b", "a\nb"), ("[^a]", "a"), ("a|b", "ab")] {
            assert!(!Regex::new(pattern.as_bytes()).unwrap().matches(value.as_bytes()), "{pattern} {value}");
        }
        assert!(!Regex::new(b".*").unwrap().matches(b"\xff"));
    }

    #[test]
    fn refuses_what_re2_refuses() {
        assert_eq!(error(r"/\d.*"), r"invalid escape sequence: \d");
        assert_eq!(error(r"\bcat\b"), r"invalid escape sequence: \b");
        assert_eq!(error(r"(.)a\1"), r"invalid escape sequence: \1");
        assert_eq!(error("a(?i)b"), "no argument for repetition operator: ?");
        assert_eq!(error("*"), "no argument for repetition operator: *");
        assert_eq!(error("a|{2}"), "no argument for repetition operator: {2}");
        assert_eq!(error("(a"), "missing ): (a");
        assert_eq!(error("a)"), "unexpected ): a)");
        assert_eq!(error("x[a"), "missing ]: [a");
        assert_eq!(error("[z-a]"), "invalid character class range: z-a");
        assert_eq!(error("[a-b-c]"), "invalid character class range: -c");
        assert_eq!(error("[[:foo:]]"), "invalid character class range: [:foo:]");
        assert_eq!(error("a\\"), "trailing \\");
        assert_eq!(error("a{1001}"), "invalid repetition size: {1001}");
        assert_eq!(error("(a{100}){100}"), "invalid repetition size: {100}");
        assert_eq!(error(&"(".repeat(100_000)), "nested too deeply");
    }
}

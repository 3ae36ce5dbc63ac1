//! Patterns as `fnmatch(3)` takes them without flags, in the C locale: `*` and `?` match slashes and leading dots.

/// A compiled pattern.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Glob {
    tokens: Box<[Token]>,
    fold: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Token {
    /// `*`.
    Many,
    /// `?`.
    One,
    Byte(u8),
    /// A bracket expression: the bytes that it takes.
    Class(Box<[u64; 4]>),
    /// What no byte matches: a backslash at the end.
    Never,
}

/// A pattern that asks no more than a simpler operator.
pub(crate) enum Simple {
    Equal(Vec<u8>),
    StartsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    Contains(Vec<u8>),
    /// Without regard to case; in lower case.
    IContains(Vec<u8>),
}

impl Glob {
    pub(crate) fn new(pattern: &[u8], fold: bool) -> Self {
        let mut tokens = Vec::new();
        let mut rest = pattern;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            tokens.push(match byte {
                b'*' if tokens.last() == Some(&Token::Many) => continue,
                b'*' => Token::Many,
                b'?' => Token::One,
                b'\\' => match rest.split_first() {
                    Some((&escaped, behind)) => {
                        rest = behind;
                        literal(escaped, fold)
                    }
                    None => Token::Never,
                },
                // Without its closing bracket, a bracket stands for itself.
                b'[' => match class(behind, fold) {
                    Some((class, behind)) => {
                        rest = behind;
                        Token::Class(Box::new(class))
                    }
                    None => literal(byte, fold),
                },
                byte => literal(byte, fold),
            });
        }
        Glob { tokens: tokens.into(), fold }
    }

    /// The operator that would do instead, if any.
    pub(crate) fn simple(&self) -> Option<Simple> {
        let mut bytes = Vec::new();
        let first = self.tokens.first() == Some(&Token::Many);
        let last = self.tokens.len() > 1 && self.tokens.last() == Some(&Token::Many);
        let inner = self.tokens.get(usize::from(first)..self.tokens.len() - usize::from(last))?;
        for token in inner {
            match token {
                Token::Byte(byte) => bytes.push(*byte),
                _ => return None,
            }
        }
        if self.fold {
            return (first && last).then_some(Simple::IContains(bytes));
        }
        Some(match (first, last) {
            (false, false) => Simple::Equal(bytes),
            (false, true) => Simple::StartsWith(bytes),
            (true, false) => Simple::EndsWith(bytes),
            (true, true) => Simple::Contains(bytes),
        })
    }

    /// Whether the whole of `value` matches. At most pattern times value steps: a star that failed is never
    /// returned to once a later one was reached.
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        let (mut token, mut at) = (0, 0);
        let mut star = None;
        loop {
            match self.tokens.get(token) {
                Some(Token::Many) => {
                    token += 1;
                    star = Some((token, at));
                    continue;
                }
                Some(other) if value.get(at).is_some_and(|&byte| self.takes(other, byte)) => {
                    token += 1;
                    at += 1;
                    continue;
                }
                None if at == value.len() => return true,
                _ => {}
            }
            match star {
                Some((behind, from)) if from < value.len() => {
                    star = Some((behind, from + 1));
                    (token, at) = (behind, from + 1);
                }
                _ => return false,
            }
        }
    }

    fn takes(&self, token: &Token, byte: u8) -> bool {
        let byte = if self.fold { byte.to_ascii_lowercase() } else { byte };
        match token {
            Token::Many | Token::Never => false,
            Token::One => true,
            Token::Byte(own) => *own == byte,
            Token::Class(set) => set[usize::from(byte / 64)] >> (byte % 64) & 1 == 1,
        }
    }
}

fn literal(byte: u8, fold: bool) -> Token {
    Token::Byte(if fold { byte.to_ascii_lowercase() } else { byte })
}

/// A bracket expression after its opening bracket, and what follows it.
fn class(text: &[u8], fold: bool) -> Option<([u64; 4], &[u8])> {
    let folded = |byte: u8| if fold { byte.to_ascii_lowercase() } else { byte };
    let (negated, mut rest) = match text {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut set = [0u64; 4];
    let mut add = |byte: u8| set[usize::from(byte / 64)] |= 1 << (byte % 64);
    let mut first = true;
    loop {
        if let [b'[', b':', inner @ ..] = rest
            && let Some(end) = memchr::memmem::find(inner, b":]")
            && let Some(member) = named(&inner[..end])
        {
            (0..=u8::MAX).filter(member).map(folded).for_each(&mut add);
            rest = &inner[end + 2..];
            first = false;
            continue;
        }
        let (low, behind) = match rest {
            [b']', behind @ ..] if !first => {
                rest = behind;
                break;
            }
            rest => member(rest)?,
        };
        rest = behind;
        first = false;
        let mut high = low;
        if let [b'-', behind @ ..] = rest
            && behind.first() != Some(&b']')
        {
            (high, rest) = member(behind)?;
        }
        (folded(low)..=folded(high)).for_each(&mut add);
    }
    if negated {
        set = set.map(|word| !word);
    }
    Some((set, rest))
}

/// One byte of a bracket expression: itself, escaped, or as the collating element or class `[.a.]`, `[=a=]`.
fn member(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'[', a @ (b'.' | b'='), byte, b, b']', rest @ ..] if a == b => Some((*byte, rest)),
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

fn named(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Glob::new(pattern.as_bytes(), false).matches(value.as_bytes())
    }

    #[test]
    fn takes_what_fnmatch_takes() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("**", ".a/b"),
            ("/dev/*", "/dev/a/b"),
            ("c?t*", "cat /x"),
            ("*a*b", "xaybzb"),
            ("[c]at", "cat"),
            ("[!d]at", "cat"),
            ("[^d]at", "cat"),
            ("[a-d]at", "bat"),
            ("[]a]", "]"),
            ("[a-]", "-"),
            ("[[:alpha:]_]x", "_x"),
            ("[[.a.]]", "a"),
            (r"c\at", "cat"),
            (r"\*", "*"),
            (r"[\]]", "]"),
            ("[a", "[a"),
            ("{a,b}", "{a,b}"),
        ];
        for (pattern, value) in yes {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
        let no =
            [("", "a"), ("a", ""), ("?", ""), ("a\\", "a\\"), ("[!a]", "a"), ("[b-a]", "a"), ("*a", "ab")];
        for (pattern, value) in no {
            assert!(!matches(pattern, value), "{pattern} {value}");
        }
        assert!(Glob::new(b"/DEV/[N-O]ull*", true).matches(b"/dev/NULLx"));
    }

    #[test]
    fn many_stars_take_little_time() {
        let pattern = "a*".repeat(1000) + "b";
        assert!(!matches(&pattern, &"a".repeat(5000)));
    }
}

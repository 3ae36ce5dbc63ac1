//! Texts that the parser refuses because of indentation that nobody else asks for: of the lines of flow collections
//! and of quoted scalars. They are changed so that it does not mind, and positions are turned back into those of the
//! text as it was.

use std::borrow::Cow;

use super::Offset;

/// A text that may have been changed.
pub(super) struct Relaxed<'t> {
    pub text: Cow<'t, str>,
    /// Where blanks were inserted, ascending, and how many.
    inserted: Vec<(Offset, usize)>,
    /// Where the quoted scalars begin whose lines were indented.
    indented: Vec<Offset>,
}

impl<'t> Relaxed<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Relaxed { text: Cow::Borrowed(text), inserted: Vec::new(), indented: Vec::new() }
    }

    /// Where `at` is in the original text.
    pub(super) fn original(&self, at: Offset) -> Offset {
        let before = self.inserted.iter().take_while(|(start, _)| *start < at);
        before.fold(at, |original, (start, length)| original - (*length).min(at - start))
    }

    /// Puts the flow collection that begins at or after `from` on one line. `false` if it is that already.
    pub(super) fn join_lines(&mut self, from: Offset) -> bool {
        match join_lines(&self.text, from) {
            Some(joined) => {
                self.text = Cow::Owned(joined);
                true
            }
            None => false,
        }
    }

    /// Indents the lines of the quoted scalar at `at`, which has no meaning. `false` if it has only one, or if that was done before.
    pub(super) fn indent_quotes(&mut self, at: Offset) -> bool {
        let bytes = self.text.as_bytes();
        if !matches!(bytes.get(at), Some(b'"' | b'\'')) || self.indented.contains(&at) {
            return false;
        }
        let end = end_of_quotes(bytes, at).min(bytes.len());
        let column = at - memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |feed| feed + 1);
        let mut text = String::with_capacity(self.text.len() + column);
        let mut rest = 0;
        for line_end in memchr::memchr2_iter(b'\n', b'\r', &bytes[at..end]) {
            let next = at + line_end + 1;
            if bytes[next - 1] == b'\r' && bytes.get(next) == Some(&b'\n') {
                continue;
            }
            text.push_str(&self.text[rest..next]);
            rest = next;
            self.inserted.push((text.len(), column + 1));
            text.extend(std::iter::repeat_n(' ', column + 1));
        }
        if rest == 0 {
            return false;
        }
        text.push_str(&self.text[rest..]);
        self.text = Cow::Owned(text);
        self.inserted.sort_unstable();
        self.indented.push(at);
        true
    }
}

/// The text with the flow collection that begins at or after `from` on one line (line breaks within quotes stay).
/// `None` if there is nothing to join.
fn join_lines(text: &str, from: Offset) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    let mut depth = 0usize;
    let mut changed = false;
    // Whether a scalar may begin here: a quote anywhere else is part of a plain scalar.
    let mut fresh = true;
    let mut at = from + memchr::memchr2(b'[', b'{', bytes.get(from..)?)?;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                fresh = true;
            }
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
                fresh = false;
            }
            b',' => fresh = true,
            b':' if bytes.get(at + 1).is_none_or(|next| next.is_ascii_whitespace()) => fresh = true,
            b'\n' | b'\r' => {
                bytes[at] = b' ';
                changed = true;
            }
            b'#' if bytes[at - 1].is_ascii_whitespace() => {
                let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |ahead| at + ahead);
                bytes[at..end].fill(b' ');
                at = end;
                continue;
            }
            b' ' | b'\t' => {}
            b'"' | b'\'' if fresh => {
                at = end_of_quotes(&bytes, at);
                fresh = false;
                continue;
            }
            _ => fresh = false,
        }
        at += 1;
    }
    // Only whole comments and single-byte characters were replaced.
    String::from_utf8(bytes).ok().filter(|_| changed)
}

/// The offset behind the quotes that begin at `at`.
fn end_of_quotes(bytes: &[u8], at: Offset) -> Offset {
    let quote = bytes[at];
    let mut at = at + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' => at += 1,
            _ if byte == quote => {
                if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
                    at += 1;
                } else {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserted_blanks_are_not_counted() {
        let text = "- a: 'x\n  y'\n- b: \"p\nq\"\n";
        let mut relaxed = Relaxed::new(text);
        assert!(relaxed.indent_quotes(5) && !relaxed.indent_quotes(2));
        let second = relaxed.text.find('"').unwrap();
        assert!(relaxed.indent_quotes(second));
        for word in ["x", "y", "b", "q"] {
            let at = relaxed.text.find(word).unwrap();
            assert_eq!(relaxed.original(at), text.find(word).unwrap(), "{word}");
        }
        assert_eq!(relaxed.original(relaxed.text.len()), text.len());
    }

    #[test]
    fn quotes_are_indented_once_whatever_ends_their_lines() {
        let mut relaxed = Relaxed::new("- a: 'x\ry\r\nz\n'");
        assert!(relaxed.indent_quotes(5) && !relaxed.indent_quotes(5));
        assert_eq!(relaxed.text, "- a: 'x\r      y\r\n      z\n      '");
    }

    #[test]
    fn only_the_collection_is_joined() {
        let text = "a: [\n 1, # é ]\n \"]\\\"\n\", it's\n]\nb: [\n]";
        let joined = join_lines(text, 0).unwrap();
        assert_eq!(joined, "a: [  1,         \"]\\\"\n\", it's ]\nb: [\n]");
        assert_eq!(joined.len(), text.len());
        assert_eq!(join_lines("a: [1]\n", 0), None);
        assert_eq!(join_lines("a: 1\n", 0), None);
    }
}

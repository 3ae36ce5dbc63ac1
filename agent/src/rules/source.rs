//! The texts that were loaded, and where in them things stand.

use std::cell::OnceCell;
use std::path::Path;

use super::yaml::Offset;

/// A rule file's text.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: String,
    line_starts: OnceCell<Vec<u32>>,
}

/// A place in the text of a [`Source`], counted as yaml-cpp counts: from 0, columns in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Bytes from the beginning.
    pub offset: usize,
    /// Line feeds before it.
    pub line: usize,
    /// Bytes from the beginning of the line.
    pub column: usize,
}

/// A place in one of the texts that were loaded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Place {
    /// Which text: an index into the sources.
    pub file: u32,
    /// Where in it.
    pub at: Offset,
}

impl Source {
    /// Keeps a text under a name, without the byte order mark that it may begin with.
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Source { name: name.into(), text, line_starts: OnceCell::new() }
    }

    /// What it is called: the path of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is what the files of a rule pack share.
    pub(crate) fn is_shared(&self) -> bool {
        super::files::is_shared(Path::new(&self.name))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of an offset.
    pub fn position(&self, offset: Offset) -> Position {
        let starts = self.line_starts.get_or_init(|| {
            let feeds = memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|at| at as u32 + 1);
            std::iter::once(0).chain(feeds).collect()
        });
        let line = starts.partition_point(|&start| start as usize <= offset) - 1;
        Position { offset, line, column: offset - starts[line] as usize }
    }

    /// The line that an offset stands in, without its end.
    pub(crate) fn line_at(&self, offset: Offset) -> &str {
        let bytes = self.text.as_bytes();
        let offset = offset.min(bytes.len());
        let start = memchr::memrchr(b'\n', &bytes[..offset]).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', &bytes[offset..]).map_or(bytes.len(), |at| offset + at);
        self.text.get(start..end).unwrap_or_default().trim_end_matches('\r')
    }

    /// Where the byte `index` of a scalar's value stands in the text, given where the scalar's node stands.
    ///
    /// The value of a scalar is its text with line breaks folded, indentation removed and escapes replaced. All of
    /// these keep the order of the other characters, so the place is found by counting those; a place within blanks
    /// becomes the end of the word before it.
    pub(crate) fn locate(&self, node: Offset, value: &str, index: usize) -> Offset {
        let index = index.min(value.len());
        let bytes = value.as_bytes();
        let wanted = bytes[..index].iter().filter(|byte| is_solid(**byte)).count();
        let between = bytes.get(index).is_none_or(|byte| !is_solid(*byte));
        let mut at = node;
        let mut last = node;
        let mut seen = 0;
        for (start, solid, end) in Characters::new(self.text.as_bytes(), node) {
            if !solid {
                continue;
            }
            at = start;
            last = end;
            if seen == wanted {
                break;
            }
            seen += 1;
            if between && seen == wanted {
                return end;
            }
        }
        if seen < wanted { last } else { at }
    }
}

/// Whether a byte of a value is no blank. Only the first byte of a character counts.
fn is_solid(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && byte & 0xc0 != 0x80
}

/// The characters of a scalar in its text: where each starts, whether it is solid, where it ends.
struct Characters<'t> {
    bytes: &'t [u8],
    at: usize,
    quote: Option<u8>,
}

impl<'t> Characters<'t> {
    fn new(bytes: &'t [u8], node: Offset) -> Self {
        let mut at = node;
        // Properties stand before the value.
        while matches!(bytes.get(at), Some(b'&' | b'!')) {
            while bytes.get(at).is_some_and(|byte| !byte.is_ascii_whitespace()) {
                at += 1;
            }
            while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                at += 1;
            }
        }
        let mut quote = None;
        match bytes.get(at) {
            Some(b'>' | b'|') => {
                at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
            }
            Some(&byte @ (b'"' | b'\'')) => {
                quote = Some(byte);
                at += 1;
            }
            _ => {}
        }
        Characters { bytes, at, quote }
    }
}

impl Iterator for Characters<'_> {
    type Item = (usize, bool, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let byte = *self.bytes.get(start)?;
        let next = self.bytes.get(start + 1).copied();
        let (solid, length) = match (self.quote, byte) {
            (Some(b'\''), b'\'') if next == Some(b'\'') => (true, 2),
            (Some(b'\''), b'\'') | (Some(b'"'), b'"') => return None,
            (Some(b'"'), b'\\') => match next {
                Some(b'x') => (true, 4),
                Some(b'u') => (true, 6),
                Some(b'U') => (true, 10),
                Some(b'n' | b't' | b'r' | b' ' | b'\t' | b'\n' | b'\r') => (false, 2),
                _ => (true, 2),
            },
            _ => (is_solid(byte), 1),
        };
        self.at = start + length;
        Some((start, solid, self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_bytes_and_line_feeds() {
        let source = Source::new("f", "\u{feff}a: é x\r\nb\n");
        assert_eq!(source.position(0), Position { offset: 0, line: 0, column: 0 });
        assert_eq!(source.position(6), Position { offset: 6, line: 0, column: 6 });
        assert_eq!(source.position(9), Position { offset: 9, line: 1, column: 0 });
        assert_eq!(source.position(11), Position { offset: 11, line: 2, column: 0 });
        assert_eq!(source.line_at(4), "a: é x");
        assert_eq!(source.line_at(10), "b");
        assert_eq!(source.line_at(99), "");
    }

    fn located(text: &str, node: usize, value: &str, word: &str) -> usize {
        Source::new("f", text).locate(node, value, value.find(word).unwrap())
    }

    #[test]
    fn a_place_in_a_value_is_found_in_the_text() {
        let folded = "c: > # why > not\n    a=b\n    and\n\n    x = y\n";
        assert_eq!(located(folded, 3, "a=b and\nx = y\n", "and"), folded.find("and").unwrap());
        assert_eq!(located(folded, 3, "a=b and\nx = y\n", "x ="), folded.find("x =").unwrap());
        let plain = "c: a=b\n   and x";
        assert_eq!(located(plain, 3, "a=b and x", "x"), plain.len() - 1);
        let double = "c: &a \"a\\n\\\"b\\\" \\x41c\"";
        assert_eq!(located(double, 3, "a\n\"b\" Ac", "c"), double.len() - 2);
        let single = "c: 'it''s x'";
        assert_eq!(located(single, 3, "it's x", "x"), single.len() - 2);
    }

    #[test]
    fn the_end_of_a_value_is_behind_its_last_word() {
        let text = "c: a and\nd: 1";
        assert_eq!(Source::new("f", text).locate(3, "a and", 5), 8);
        assert_eq!(Source::new("f", text).locate(3, "a and", 1), 4);
        assert_eq!(Source::new("f", "c: ''").locate(3, "", 7), 3);
    }
}

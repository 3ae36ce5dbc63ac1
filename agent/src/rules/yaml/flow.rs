//! Flow collections whose lines are indented less than the parser wants: their lines are joined, so that it does not
//! see the indentation. Nothing moves: line breaks and comments become blanks.

use super::Offset;

/// The text with the flow collection that begins at or after `from` on one line (line breaks within quotes stay).
/// `None` if there is nothing to join.
pub(super) fn join_lines(text: &str, from: Offset) -> Option<String> {
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
    fn only_the_collection_is_joined() {
        let text = "a: [\n 1, # é ]\n \"]\\\"\n\", it's\n]\nb: [\n]";
        let joined = join_lines(text, 0).unwrap();
        assert_eq!(joined, "a: [  1,         \"]\\\"\n\", it's ]\nb: [\n]");
        assert_eq!(joined.len(), text.len());
        assert_eq!(join_lines("a: [1]\n", 0), None);
        assert_eq!(join_lines("a: 1\n", 0), None);
    }
}

//! Why a text is no YAML, in the words that Falco's users know.

use super::relax::Relaxed;
use super::{Failed, Offset, Open, YamlError, skip_blank};

/// The parser's complaint in yaml-cpp's words, as far as the two have the same notion.
pub(super) fn translate(relaxed: &Relaxed<'_>, failed: Failed, open: Option<&Open>) -> YamlError {
    let YamlError { at, message } = in_their_words(&relaxed.text, failed, open);
    YamlError { at: relaxed.original(at), message }
}

fn in_their_words(text: &str, failed: Failed, open: Option<&Open>) -> YamlError {
    let Failed { at, info, ours, .. } = failed;
    if ours {
        return YamlError { at, message: info };
    }
    let error = |at: Offset, message: &str| YamlError { at, message: message.to_owned() };
    let at_end = skip_blank(text, at) >= text.len();
    let in_flow = open.filter(|open| open.flow);
    if let Some(open) = in_flow
        && at_end
        && !info.contains("quoted scalar")
    {
        let what = if open.map { "end of map flow not found" } else { "end of sequence flow not found" };
        return error(text.len(), what);
    }
    if info.contains("tab") && !info.contains("comment") {
        let tab = memchr::memchr(b'\t', &text.as_bytes()[at..]).map_or(at, |ahead| at + ahead);
        return error(tab, "illegal tab when looking for indentation");
    }
    // A line without a colon is taken for the beginning of the key whose colon follows.
    if info.starts_with("simple key expect") {
        let bytes = text.as_bytes();
        let colon = memchr::memchr_iter(b':', &bytes[at.min(bytes.len())..]).map(|ahead| at + ahead);
        let mut colon = colon.filter(|colon| bytes.get(colon + 1).is_none_or(u8::is_ascii_whitespace));
        return match colon.next() {
            Some(colon) => error(colon, "illegal map value"),
            None => error(at, "end of map not found"),
        };
    }
    let known = [
        ("is only valid inside a block", "illegal block entry"),
        ("trailing content after double-quoted scalar", "end of map not found"),
        ("mapping values are not allowed", "illegal map value"),
        ("mapping keys are not allowed", "illegal map key"),
        ("block sequence entries are not allowed", "illegal block entry"),
        ("did not find expected '-' indicator", "end of sequence not found"),
        ("while parsing a block mapping", "end of map not found"),
        ("while parsing a flow mapping", "end of map flow not found"),
        ("while parsing a flow sequence", "end of sequence flow not found"),
        ("found unexpected end of stream", "illegal EOF in scalar"),
        ("found unexpected document indicator", "illegal document indicator in scalar"),
        ("found unknown escape character", "unknown escape character: "),
        ("expected hexadecimal number", "bad character found while scanning hex number"),
        ("found unknown anchor", "the referenced anchor is not defined"),
        ("scanning an anchor or alias", "illegal character found while scanning anchor"),
        ("indentation indicator equal to 0", "cannot set zero indentation for a block scalar"),
        ("scanning a block scalar", "unexpected character in block scalar"),
        ("misplaced bracket", "illegal flow end"),
        ("unexpected character", "unknown token"),
    ];
    match known.iter().find(|(ours, _)| info.contains(ours)) {
        Some((_, theirs)) => error(at, theirs),
        None => error(at, &info),
    }
}

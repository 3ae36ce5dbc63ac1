//! What is wrong with a condition, and where: spans of text, diagnostics, and their form for people.

use std::fmt::Write;

/// A range of bytes of one source text. Conditions are put together from several texts (a rule, the macros that it
/// uses), so a span says of which one it speaks; what the numbers stand for is up to who parses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Span {
    /// Which text.
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A finding about a condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Falco's text where Falco has one.
    pub message: String,
    /// The text that is meant.
    pub span: Span,
    /// The byte where Falco's parser stands when it reports this: often, but not always, where the span starts.
    pub at: u32,
}

impl Diagnostic {
    pub(crate) fn new(message: impl Into<String>, span: Span) -> Self {
        Diagnostic { message: message.into(), span, at: span.start }
    }

    /// The message, the line that it is about, and a caret below. `text` is the source that was parsed.
    pub fn render(&self, text: &str) -> String {
        let start = floor_char(text, self.span.start as usize);
        let end = floor_char(text, (self.span.end as usize).max(start));
        let line_start = text[..start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let line_end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
        // A condition may be one line of a megabyte, so only what is near the caret is shown.
        let from = floor_char(text, start.saturating_sub(CONTEXT)).max(line_start);
        let to =
            floor_char(text, end.saturating_add(CONTEXT).min(start + 2 * CONTEXT)).clamp(start, line_end);
        let before = &text[from..start];
        let width = text[start..end.clamp(start, to)].chars().count().max(1);
        let (line, column) = position(text, start as u32);
        let mut out = format!("{}\n --> {line}:{column}\n", self.message);
        let shown: String = text[from..to].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let lead = if from > line_start { "…" } else { "" };
        let _ = writeln!(out, "  | {lead}{shown}{}", if to < line_end { "…" } else { "" });
        let indent = before.chars().count() + lead.chars().count();
        let _ = write!(out, "  | {}{}", " ".repeat(indent), "^".repeat(width));
        out
    }
}

/// How many bytes are shown on either side of a finding.
const CONTEXT: usize = 60;

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Line and column of a byte, both counted from 1, as Falco's parser counts: bytes, and a new line after every `\n`
/// and every `\r`.
pub fn position(text: &str, offset: u32) -> (u32, u32) {
    let before = &text.as_bytes()[..text.len().min(offset as usize)];
    let line = before.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count();
    let start = memchr::memrchr2(b'\n', b'\r', before).map_or(0, |at| at + 1);
    (line as u32 + 1, (before.len() - start) as u32 + 1)
}

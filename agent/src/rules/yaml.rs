//! First step of loading rules: the text of a file to nodes that know where they stand.
//!
//! The only place that knows the YAML parser. Nodes behave as yaml-cpp's do, because Falco's verdicts depend on it:
//! of duplicate keys the first counts, `<<` is a key like any other, an empty plain scalar is null, and a node stands
//! where its first token stands (a block mapping at its first key, a block scalar at its `>` or `|`).
//! Aliases share the node that they name, so nothing grows by being referred to.

mod errors;
mod relax;

use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle};

use self::errors::translate;
use self::relax::Relaxed;

/// How deep collections may nest.
const MAX_DEPTH: usize = 100;

/// The most nodes that a file may have.
const MAX_NODES: usize = 4_000_000;

/// Where something stands: a byte offset into the text of the file (without a byte order mark).
pub(crate) type Offset = usize;

/// A shared node; aliases refer to the same one.
pub(crate) type NodeRef = Rc<Node>;

/// A value of a document.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where its first token stands.
    pub at: Offset,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Value {
    /// Nothing, `~`, or `null` in its three spellings, unquoted and without a tag.
    Null,
    /// A text.
    Scalar(String),
    /// A sequence.
    Seq(Vec<NodeRef>),
    /// A mapping, in the order of the file, duplicate keys included.
    Map(Vec<(NodeRef, NodeRef)>),
}

impl Node {
    /// The value of the first key that reads `key`, `None` if there is none or this is no mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&NodeRef> {
        self.entries().iter().find(|(name, _)| name.scalar() == Some(key)).map(|(_, value)| value)
    }

    /// The entries of a mapping; empty for anything else.
    pub(crate) fn entries(&self) -> &[(NodeRef, NodeRef)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub(crate) fn items(&self) -> Option<&[NodeRef]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// Whether this is [`Value::Null`].
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// Whether this is a mapping.
    pub(crate) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }
}

/// Why a text is no YAML, in yaml-cpp's words where its words are known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// Where the trouble is.
    pub at: Offset,
    /// What it is.
    pub message: String,
}

/// Reads all documents of a text. Null documents are left out: a `---` too many means nothing.
///
/// `text` must not begin with a byte order mark.
pub(crate) fn parse(text: &str) -> Result<Vec<NodeRef>, YamlError> {
    let mut relaxed = Relaxed::new(text);
    let mut builder = Builder::default();
    let mut documents = Vec::new();
    let mut work = 0;
    loop {
        let failed = match read(&relaxed, &mut builder, &mut documents) {
            Ok(()) => return Ok(documents),
            Err(failed) => failed,
        };
        let begin = match failed.complaint() {
            Complaint::Quotes => Some(failed.at).filter(|&at| relaxed.indent_quotes(at)),
            Complaint::Flow => {
                let flow = builder.open.iter().find(|open| open.flow).map(|open| open.at);
                // It may not have told us yet that one begins.
                let flow = flow.unwrap_or_else(|| block_scalar_header(&relaxed.text, failed.previous_end));
                Some(flow).filter(|&at| relaxed.join_lines(at))
            }
            Complaint::Other => None,
        };
        let Some(begin) = begin else {
            return Err(translate(&relaxed, failed, builder.open.last()));
        };
        let resumed = builder.resume(&relaxed.text, begin);
        let read_again = if resumed { failed.at.saturating_sub(builder.base) } else { relaxed.text.len() };
        work += relaxed.text.len() + read_again * REREAD;
        if work > MAX_WORK {
            return Err(translate(&relaxed, failed, builder.open.last()));
        }
        if !resumed {
            documents.clear();
            builder = Builder::default();
        }
    }
}

/// How many bytes may be copied to please the parser: a text that needs it very often is refused.
const MAX_WORK: usize = 256 << 20;

/// How much dearer it is to read a text again than to copy it.
const REREAD: usize = 100;

/// What the parser refuses.
struct Failed {
    at: Offset,
    info: String,
    /// Where the last event ended.
    previous_end: Offset,
    /// The complaint is ours and final.
    ours: bool,
}

/// What the parser refuses although nobody else does.
enum Complaint {
    /// Lines of a flow collection are not indented as those of a block would have to be.
    Flow,
    /// Lines of a quoted scalar are not.
    Quotes,
    /// Nothing of that kind.
    Other,
}

impl Failed {
    fn complaint(&self) -> Complaint {
        match self.info.as_str() {
            _ if self.ours => Complaint::Other,
            "invalid indentation in quoted scalar" => Complaint::Quotes,
            info if info.starts_with("invalid indentation") => Complaint::Flow,
            _ => Complaint::Other,
        }
    }
}

/// Reads from where the builder stands to the end.
fn read(relaxed: &Relaxed<'_>, builder: &mut Builder, documents: &mut Vec<NodeRef>) -> Result<(), Failed> {
    let text = &*relaxed.text;
    let base = builder.base;
    let rest = text.get(base..).unwrap_or_default();
    let mut bytes = ByteIndex::new(rest);
    let mut parser = Parser::new_from_str(rest);
    let mut previous_end = base;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Failed {
            at: base + bytes.of(error.marker().index()),
            info: error.info().to_owned(),
            previous_end,
            ours: false,
        })?;
        let mut start = base + bytes.of(span.start.index());
        // Tokens of block collections have no extent, and that of a sequence may stand behind the first dash.
        if matches!(event, Event::SequenceStart(..)) && span.is_empty() {
            start = dash_before(text, start);
        }
        let root = builder.take(relaxed, event, start, previous_end).map_err(|error| Failed {
            at: error.at,
            info: error.message,
            previous_end,
            ours: true,
        })?;
        documents.extend(root.filter(|root| !root.is_null()));
        previous_end = base + bytes.of(span.end.index());
    }
    Ok(())
}

/// Turns the parser's positions, which count characters, into bytes. They mostly ascend, so it walks from one to the
/// next.
struct ByteIndex<'t> {
    text: &'t str,
    ascii: bool,
    characters: usize,
    bytes: usize,
}

impl<'t> ByteIndex<'t> {
    fn new(text: &'t str) -> Self {
        ByteIndex { text, ascii: text.is_ascii(), characters: 0, bytes: 0 }
    }

    fn of(&mut self, index: usize) -> usize {
        if self.ascii {
            return index.min(self.text.len());
        }
        while self.characters > index {
            self.characters -= 1;
            self.bytes = self.text.floor_char_boundary(self.bytes - 1);
        }
        while self.characters < index && self.bytes < self.text.len() {
            self.characters += 1;
            self.bytes = self.text.ceil_char_boundary(self.bytes + 1);
        }
        self.bytes
    }
}

/// A collection that is not complete yet.
#[derive(Debug)]
struct Open {
    at: Offset,
    anchor: usize,
    flow: bool,
    map: bool,
    /// Items of a sequence, or keys and values of a mapping in turn.
    children: Vec<NodeRef>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: Vec<Option<NodeRef>>,
    seen: usize,
    /// Where reading begins.
    base: Offset,
    /// The root of the document is open already, from before.
    resumed: bool,
}

impl Builder {
    /// Goes back to the beginning of the item of a rule file (a block sequence without indentation) that it is in, or
    /// that begins with what stands at `next`. `false` if the document is none, or has anchors, which the rest could
    /// refer to.
    fn resume(&mut self, text: &str, next: Offset) -> bool {
        let bytes = text.as_bytes();
        let line_of =
            |at: Offset| memchr::memrchr(b'\n', &bytes[..at.min(bytes.len())]).map_or(0, |at| at + 1);
        let Some(root) = self.open.first() else { return false };
        if root.map || root.flow || line_of(root.at) != root.at || !self.anchors.is_empty() {
            return false;
        }
        let mut line = line_of(self.open.get(1).map_or(next, |item| item.at));
        while bytes.get(line) != Some(&b'-') {
            match line.checked_sub(1) {
                Some(end) if line > root.at => line = line_of(end),
                _ => return false,
            }
        }
        self.open.truncate(1);
        self.base = line;
        self.resumed = true;
        true
    }

    /// Takes the next event; returns the root node when it completes a document's.
    fn take(
        &mut self,
        relaxed: &Relaxed<'_>,
        event: Event<'_>,
        start: Offset,
        previous_end: Offset,
    ) -> Result<Option<NodeRef>, YamlError> {
        let text = &*relaxed.text;
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let at = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => block_scalar_header(text, previous_end),
                    // An absent value stands where the next token does.
                    ScalarStyle::Plain if value.is_empty() => absent_value(text, start),
                    _ => start,
                };
                let null = style == ScalarStyle::Plain && tag.is_none() && is_null(&value);
                let value = if null { Value::Null } else { Value::Scalar(value.into_owned()) };
                self.finish(relaxed, at, value, anchor)
            }
            Event::SequenceStart(..) if std::mem::take(&mut self.resumed) => Ok(None),
            Event::SequenceStart(anchor, _) => self.open(text, start, anchor, false),
            Event::MappingStart(anchor, _) => self.open(text, start, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(done) = self.open.pop() else { return Ok(None) };
                let value =
                    if done.map { Value::Map(pairs(done.children)) } else { Value::Seq(done.children) };
                self.finish(relaxed, done.at, value, done.anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(anchor) {
                Some(Some(node)) => {
                    let node = Rc::clone(node);
                    self.place(node, start)
                }
                // The anchor's own node is not complete yet: it would contain itself.
                _ => Err(YamlError { at: start, message: "the referenced anchor is not defined".to_owned() }),
            },
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn open(
        &mut self,
        text: &str,
        at: Offset,
        anchor: usize,
        map: bool,
    ) -> Result<Option<NodeRef>, YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(YamlError { at, message: format!("collections nest deeper than {MAX_DEPTH}") });
        }
        let bracket = if map { b'{' } else { b'[' };
        let bytes = text.as_bytes().get(at..).unwrap_or_default();
        let flow = match bytes.first() {
            // Properties (`&anchor`, `!tag`) may stand before the bracket.
            Some(b'&' | b'!') => {
                let line = &bytes[..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())];
                memchr::memchr(bracket, line).is_some()
            }
            first => first == Some(&bracket),
        };
        self.open.push(Open { at, anchor, flow, map, children: Vec::new() });
        Ok(None)
    }

    fn finish(
        &mut self,
        relaxed: &Relaxed<'_>,
        at: Offset,
        value: Value,
        anchor: usize,
    ) -> Result<Option<NodeRef>, YamlError> {
        let node = Rc::new(Node { at: relaxed.original(at), value });
        if anchor > 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            self.anchors[anchor] = Some(Rc::clone(&node));
        }
        self.place(node, at)
    }

    fn place(&mut self, node: NodeRef, at: Offset) -> Result<Option<NodeRef>, YamlError> {
        self.seen += 1;
        if self.seen > MAX_NODES {
            return Err(YamlError { at, message: format!("more than {MAX_NODES} values") });
        }
        match self.open.last_mut() {
            Some(parent) => {
                parent.children.push(node);
                Ok(None)
            }
            None => Ok(Some(node)),
        }
    }
}

fn pairs(children: Vec<NodeRef>) -> Vec<(NodeRef, NodeRef)> {
    let mut entries = Vec::with_capacity(children.len() / 2);
    let mut children = children.into_iter();
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        entries.push((key, value));
    }
    entries
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Where the token after an absent value stands; `from` may still be at the colon of its key.
fn absent_value(text: &str, from: Offset) -> Offset {
    skip_blank(text, from + usize::from(text.as_bytes().get(from) == Some(&b':')))
}

/// Where the dash stands that is at `at` or, with only blanks between, before it.
fn dash_before(text: &str, at: Offset) -> Offset {
    let bytes = text.as_bytes();
    if bytes.get(at) == Some(&b'-') && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace) {
        return at;
    }
    let before = bytes.get(..at).unwrap_or_default().trim_ascii_end();
    if before.ends_with(b"-") { before.len() - 1 } else { at }
}

/// The first offset from `from` on that is neither blank nor within a comment.
fn skip_blank(text: &str, from: Offset) -> Offset {
    skip(text, from, b" \t\r\n")
}

/// Where the `>` or `|` of a block scalar stands (or its anchor or tag), given where the token before it ended.
fn block_scalar_header(text: &str, from: Offset) -> Offset {
    skip(text, from, b" \t\r\n:-?")
}

fn skip(text: &str, from: Offset, skipped: &[u8]) -> Offset {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'#' {
            at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
        } else if skipped.contains(&byte) {
            at += 1;
        } else {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests;

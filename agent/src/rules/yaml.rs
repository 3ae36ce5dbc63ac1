//! First step of loading rules: the text of a file to nodes that know where they stand.
//!
//! The only place that knows the YAML parser. Nodes behave as yaml-cpp's do, because Falco's verdicts depend on it:
//! of duplicate keys the first counts, `<<` is a key like any other, an empty plain scalar is null, and a node stands
//! where its first token stands (a block mapping at its first key, a block scalar at its `>` or `|`).
//! Aliases share the node that they name, so nothing grows by being referred to.

mod relax;

use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle};

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
        work += if resumed { relaxed.text.len() } else { relaxed.text.len() * REREAD };
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

/// The parser's complaint in yaml-cpp's words, as far as the two have the same notion.
fn translate(relaxed: &Relaxed<'_>, failed: Failed, open: Option<&Open>) -> YamlError {
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn show(node: &Node, out: &mut String) {
        let _ = write!(out, "{}:", node.at);
        match &node.value {
            Value::Null => out.push_str("null"),
            Value::Scalar(text) => {
                let _ = write!(out, "{text:?}");
            }
            Value::Seq(items) => {
                out.push('[');
                items.iter().for_each(|item| {
                    show(item, out);
                    out.push(' ');
                });
                out.push(']');
            }
            Value::Map(entries) => {
                out.push('{');
                entries.iter().for_each(|(key, value)| {
                    show(key, out);
                    out.push('=');
                    show(value, out);
                    out.push(' ');
                });
                out.push('}');
            }
        }
    }

    fn shown(text: &str) -> String {
        match parse(text) {
            Ok(documents) => {
                let mut out = String::new();
                for document in documents {
                    show(&document, &mut out);
                    out.push('\n');
                }
                out
            }
            Err(error) => format!("{}: {}", error.at, error.message),
        }
    }

    #[test]
    fn nodes_stand_at_their_first_token() {
        let text = "- rule: >  # why\n    a\n\n    b\n  e:\n  f: &x [é, ~, \"\"]\n- *x\n- &base\n  k: 'v'\n";
        insta::assert_snapshot!(shown(text), @r#"0:[2:{2:"rule"=8:"a\nb\n" 32:"e"=37:null 37:"f"=40:[44:"é" 48:null 51:"" ] } 40:[44:"é" 48:null 51:"" ] 62:{70:"k"=73:"v" } ]"#);
    }

    #[test]
    fn the_first_of_duplicate_keys_counts() {
        let documents = parse("a: 1\na: 2\n<<: {b: 3}\n").unwrap();
        assert_eq!(documents[0].get("a").unwrap().scalar(), Some("1"));
        assert!(documents[0].get("b").is_none());
        assert_eq!(documents[0].entries().len(), 3);
    }

    #[test]
    fn null_documents_are_left_out() {
        insta::assert_snapshot!(shown("---\n---\n- a\n---\n# nothing\n---\n- b\n"), @r#"
        8:[10:"a" ]
        30:[32:"b" ]
        "#);
        assert_eq!(shown(""), "");
        assert_eq!(shown("# only a comment\n"), "");
    }

    #[test]
    fn only_plain_untagged_nothing_is_null() {
        insta::assert_snapshot!(shown("[~, null, NULL, nUll, !!str null, 'null', '']"), @r#"0:[1:null 4:null 10:null 16:"nUll" 22:"null" 34:"null" 42:"" ]"#);
    }

    #[test]
    fn errors_are_yaml_cpps() {
        assert_eq!(shown("- rule: [\n"), "10: end of sequence flow not found");
        assert_eq!(shown("- {a: b,\n"), "9: end of map flow not found");
        assert_eq!(shown("- rule: r\n\tdesc: d\n"), "10: illegal tab when looking for indentation");
        assert_eq!(shown("- a: b: c\n"), "6: illegal map value");
        assert_eq!(shown("- *nope\n"), "2: the referenced anchor is not defined");
        assert_eq!(shown("- \"a\n"), "2: illegal EOF in scalar");
    }

    #[test]
    fn flow_collections_need_no_indentation() {
        let text = "- list: é\n  items: [\n    a, # it's ]\n    'b\"]'\n  ]\n- x: {\n  a: 1\n}\n- é: [\n1,\n]\n---\n[\n]\n";
        insta::assert_snapshot!(shown(text), @r#"
        0:[2:{2:"list"=8:"é" 13:"items"=20:[26:"a" 42:"b\"]" ] } 54:{54:"x"=57:{61:"a"=64:"1" } } 70:{70:"é"=74:[76:"1" ] } ]
        85:[]
        "#);
        let anchored = "- &a x\n- [\n*a\n]\n- [\n*a\n]\n";
        insta::assert_snapshot!(shown(anchored), @r#"0:[2:"x" 9:[2:"x" ] 18:[2:"x" ] ]"#);
        assert_eq!(shown("- [\na, [\n]\n"), "11: end of sequence flow not found");
    }

    #[test]
    fn quoted_scalars_need_no_indentation() {
        let text = "- a: \"x  \n\ny\\\n  z\"\n  b: 'p\n  q'\n- [\"r\ns\"]\n";
        insta::assert_snapshot!(shown(text), @r#"0:[2:{2:"a"=5:"x\nyz" 21:"b"=24:"p q" } 34:[35:"r s" ] ]"#);
    }

    #[test]
    fn bombs_stay_small() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..60 {
            let _ = writeln!(text, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 10].join(", "));
        }
        assert_eq!(parse(&text).unwrap()[0].entries().len(), 60);
        assert_eq!(
            parse(&"- ".repeat(5000)).unwrap_err().message,
            format!("collections nest deeper than {MAX_DEPTH}")
        );
        assert!(parse(&"[".repeat(5000)).is_err());
        assert!(parse("&a [*a]").is_err());
    }
}

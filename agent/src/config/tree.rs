//! First step: the text of a configuration file, or of an option, to values that know where they were written.
//!
//! The YAML is read by the module that reads rule files, so it means what it means to Falco: of duplicate keys the first
//! counts, and a scalar has no type of its own. Variables are replaced here, which is the only place that asks the
//! environment.

use std::fmt;

use super::environment::expand;
use crate::rules::source::{Place, Source};
use crate::rules::yaml;

/// The most values of a document, since aliases can make few bytes many values.
const MAX_VALUES: usize = 200_000;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub at: Place,
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, Default)]
pub(super) enum Value {
    /// Nothing: the default counts.
    #[default]
    Null,
    /// A text; what type it has is decided by its key.
    Scalar(String),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file, each name once.
    Mapping(Vec<Entry>),
}

/// A name and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub name: String,
    /// Where the name stands.
    pub at: Place,
    pub node: Node,
}

impl Node {
    pub(super) fn scalar(text: impl Into<String>, at: Place) -> Node {
        Node { at, value: Value::Scalar(text.into()) }
    }

    pub(super) fn null(at: Place) -> Node {
        Node { at, value: Value::Null }
    }

    /// The entries of a mapping; none for anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a sequence; a scalar is one of one element.
    pub(super) fn elements(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(elements) => elements,
            Value::Scalar(_) => std::slice::from_ref(self),
            _ => &[],
        }
    }

    /// The value of a name, which may be a path of names with dots; `None` if it is not there or null.
    pub(super) fn get(&self, path: &str) -> Option<&Node> {
        let found = path.split('.').try_fold(self, |node, name| {
            node.entries().iter().find(|entry| entry.name == name).map(|entry| &entry.node)
        });
        found.filter(|node| !matches!(node.value, Value::Null))
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// What this is, for messages: `'text'`, or the kind of a collection.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(text) => format!("'{text}'"),
            Value::Sequence(_) => "a sequence".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// The texts that a configuration is put together from.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<(Source, Kind)>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    File,
    Option,
}

/// A place as messages name it: `file:line:column` from 1, or the option.
pub(super) struct Shown<'s>(&'s Sources, Place);

impl Sources {
    /// Keeps the text of a file; returns where it begins.
    pub(super) fn file(&mut self, name: &str, text: impl Into<String>) -> Place {
        self.add(Source::new(name, text), Kind::File)
    }

    /// Keeps an option.
    pub(super) fn option(&mut self, option: &str) -> Place {
        self.add(Source::new("", option), Kind::Option)
    }

    fn add(&mut self, source: Source, kind: Kind) -> Place {
        self.0.push((source, kind));
        Place { file: self.0.len() as u32 - 1, at: 0 }
    }

    /// Whether a place is in an option.
    pub(super) fn is_option(&self, place: Place) -> bool {
        self.0.get(place.file as usize).is_some_and(|(_, kind)| *kind == Kind::Option)
    }

    pub(super) fn show(&self, place: Place) -> Shown<'_> {
        Shown(self, place)
    }

    /// Reads the text at a place as one document. `warn` takes what is odd about it.
    pub(super) fn parse(
        &self,
        begin: Place,
        warn: &mut dyn FnMut(Place, String),
    ) -> Result<Node, (Place, String)> {
        let Some((source, kind)) = self.0.get(begin.file as usize) else { return Ok(Node::null(begin)) };
        let text = source.text().get(begin.at..).unwrap_or_default();
        let place = |at| Place { file: begin.file, at: begin.at + at };
        let documents = yaml::parse(text).map_err(|error| (place(error.at), error.message))?;
        if let Some(second) = documents.get(1) {
            warn(place(second.at), "a second document begins here; only the first one counts".to_owned());
        }
        let Some(root) = documents.first() else { return Ok(Node::null(begin)) };
        let mut reader = Reader { place: &place, seen: 0, expands: *kind == Kind::File, warn };
        reader.node(root)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.0.get(self.1.file as usize) {
            None => Ok(()),
            Some((source, Kind::Option)) => write!(f, "option '{}'", source.text()),
            Some((source, Kind::File)) => {
                let position = source.position(self.1.at);
                write!(f, "{}:{}:{}", source.name(), position.line + 1, position.column + 1)
            }
        }
    }
}

struct Reader<'r> {
    place: &'r dyn Fn(usize) -> Place,
    seen: usize,
    /// Whether variables are replaced.
    expands: bool,
    warn: &'r mut dyn FnMut(Place, String),
}

impl Reader<'_> {
    fn node(&mut self, node: &yaml::Node) -> Result<Node, (Place, String)> {
        let at = (self.place)(node.at);
        self.seen += 1;
        if self.seen > MAX_VALUES {
            return Err((at, format!("more than {MAX_VALUES} values")));
        }
        let value = match &node.value {
            yaml::Value::Null => Value::Null,
            yaml::Value::Scalar(text) => Value::Scalar(self.scalar(text, at)),
            yaml::Value::Seq(items) => {
                Value::Sequence(items.iter().map(|item| self.node(item)).collect::<Result<_, _>>()?)
            }
            yaml::Value::Map(entries) => {
                let mut read: Vec<Entry> = Vec::with_capacity(entries.len());
                for (name, value) in entries {
                    let at = (self.place)(name.at);
                    let Some(text) = name.scalar() else {
                        return Err((at, "the name of a key must be a scalar".to_owned()));
                    };
                    if read.iter().any(|entry| entry.name == text) {
                        (self.warn)(at, format!("'{text}' is given twice; the first one counts"));
                        continue;
                    }
                    read.push(Entry { name: text.to_owned(), at, node: self.node(value)? });
                }
                Value::Mapping(read)
            }
        };
        Ok(Node { at, value })
    }

    fn scalar(&mut self, text: &str, at: Place) -> String {
        if !self.expands {
            return text.to_owned();
        }
        expand(text, |name| {
            let value = std::env::var_os(name);
            if value.is_none() {
                (self.warn)(at, format!("the variable '{name}' is not set; nothing stands for it"));
            }
            value.map(|value| value.to_string_lossy().into_owned())
        })
    }
}

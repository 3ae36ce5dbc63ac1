//! From nodes to values with the types of the table, and what is wrong with them. Any scalar may be quoted or not, as
//! for Falco.

use std::net::IpAddr;

use serde_yaml::value::{Mapping, Value as Yaml};

use super::keys::{Key, Support, Type};
use super::shape::Shape;
use super::tree::{Entry, Node, Value};
use crate::rules::source::Place;

/// Something that is wrong or odd.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    pub at: Place,
    pub kind: ProblemKind,
    pub message: String,
}

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ProblemKind {
    /// The configuration is refused.
    Error,
    /// A key that nobody knows: an error where it was typed just now, in an option.
    Unknown,
    /// It is told.
    Warning,
    /// It is told: something is asked for that Saker does not do.
    NotHeeded,
}

/// Reads a node of the tree and what is below it. `path` names it in messages.
pub(super) fn read(shape: &Shape, node: &Node, path: &str, problems: &mut Vec<Problem>) -> Option<Yaml> {
    let mut reader = Reader { problems };
    reader.node(shape, node, path)
}

struct Reader<'p> {
    problems: &'p mut Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, at: Place, kind: ProblemKind, message: String) -> Option<Yaml> {
        self.problems.push(Problem { at, kind, message });
        None
    }

    fn expected(&mut self, what: &str, node: &Node, path: &str) -> Option<Yaml> {
        let message = format!("{path}: expected {what}, got {}", node.describe());
        self.problem(node.at, ProblemKind::Error, message)
    }

    fn node(&mut self, shape: &Shape, node: &Node, path: &str) -> Option<Yaml> {
        let Some(key) = shape.key else { return self.mapping(shape, node, path) };
        let read = match key.ty {
            Type::Mapping => self.mapping(shape, node, path),
            Type::Texts => self.texts(node, path, None),
            Type::List => self.list(shape, node, path),
            Type::Any => Some(any(node)),
            Type::TextOrMapping if !matches!(node.value, Value::Scalar(_)) => {
                let mapping = shape.mapping.as_deref().unwrap_or(shape);
                self.mapping(mapping, node, path)
            }
            Type::TextOrPair if !matches!(node.value, Value::Scalar(_)) => self.texts(node, path, Some(1)),
            _ => match (node.text(), &node.value) {
                (Some(text), _) => match scalar(key.ty, text) {
                    Ok(value) => Some(value),
                    Err(what) => self.expected(&what, node, path),
                },
                // As if it were not there.
                (None, Value::Null) if !path.ends_with(']') => return None,
                (None, _) => self.expected(&expectation(key.ty), node, path),
            },
        }?;
        if let Some(Err(problem)) = key.check.map(|check| check(node)) {
            return self.problem(node.at, ProblemKind::Error, format!("{path}: {problem}"));
        }
        self.heed(key, &read, node, path);
        Some(read)
    }

    /// Warns of a value that is not heeded.
    fn heed(&mut self, key: &Key, read: &Yaml, node: &Node, path: &str) {
        let Support::Not { like, instead } = key.support else { return };
        let text = match read {
            Yaml::Bool(flag) => flag.to_string(),
            Yaml::Number(number) => number.to_string(),
            Yaml::String(text) => text.clone(),
            Yaml::Null => return,
            // No value in the table reads like that.
            _ => node.describe(),
        };
        if !like.contains(&text.as_str()) {
            let value = if node.text().is_some() { format!(" ({})", node.describe()) } else { String::new() };
            self.problem(node.at, ProblemKind::NotHeeded, format!("{path}{value} is not heeded: {instead}"));
        }
    }

    fn mapping(&mut self, shape: &Shape, node: &Node, path: &str) -> Option<Yaml> {
        let Value::Mapping(entries) = &node.value else {
            return match node.value {
                Value::Null if !path.ends_with(']') => None,
                _ => {
                    self.expected("a mapping", node, if path.is_empty() { "the configuration" } else { path })
                }
            };
        };
        let mut read = Mapping::with_capacity(entries.len());
        for Entry { name, at, node } in entries {
            let below = join(path, name);
            let Some(shape) = shape.name(name) else {
                let hint = shape.similar(path, name).map(|key| format!(" (did you mean '{key}'?)"));
                let message = format!("unknown configuration key '{below}'{}", hint.unwrap_or_default());
                self.problem(*at, ProblemKind::Unknown, message);
                continue;
            };
            if let Some(value) = self.node(shape, node, &below) {
                read.insert(Yaml::from(name.as_str()), value);
            }
        }
        let given = |name: &str| entries.iter().any(|entry| entry.name == name);
        for (name, shape) in &shape.names {
            if shape.key.is_some_and(|key| key.required) && !given(name) {
                let message = format!("{path}: '{name}' is missing");
                self.problem(node.at, ProblemKind::Error, message);
            }
        }
        fill(shape, &mut read);
        Some(Yaml::Mapping(read))
    }

    fn list(&mut self, shape: &Shape, node: &Node, path: &str) -> Option<Yaml> {
        let elements = match &node.value {
            Value::Null => return None,
            Value::Mapping(_) => return self.expected("a sequence", node, path),
            _ => node.elements(),
        };
        let element = shape.element.as_deref()?;
        let single = node.text().is_some();
        let mut read = Vec::with_capacity(elements.len());
        for (index, node) in elements.iter().enumerate() {
            let path = if single { path.to_owned() } else { format!("{path}[{index}]") };
            read.extend(self.node(element, node, &path));
        }
        Some(Yaml::Sequence(read))
    }

    /// A mapping of any names to scalars, of this many entries.
    fn texts(&mut self, node: &Node, path: &str, count: Option<usize>) -> Option<Yaml> {
        let entries = match &node.value {
            Value::Null if !path.ends_with(']') => return None,
            Value::Mapping(entries) if count.is_none_or(|count| count == entries.len()) => entries,
            _ if count.is_some() => {
                return self.expected("the name of a field, or one name with its format", node, path);
            }
            _ => return self.expected("a mapping", node, path),
        };
        let mut read = Mapping::with_capacity(entries.len());
        for Entry { name, node, .. } in entries {
            match node.text() {
                Some(text) => {
                    read.insert(Yaml::from(name.as_str()), Yaml::from(text));
                }
                None => {
                    self.expected("a text", node, &join(path, name));
                }
            }
        }
        Some(Yaml::Mapping(read))
    }
}

/// Adds the defaults of the keys that are not there.
fn fill(shape: &Shape, read: &mut Mapping) {
    for (name, shape) in &shape.names {
        if read.contains_key(*name) {
            continue;
        }
        if let Some(value) = default(shape) {
            read.insert(Yaml::from(*name), value);
        }
    }
}

/// The value of a key that is not given; a mapping is there as soon as one of its keys has a default.
pub(super) fn default(shape: &Shape) -> Option<Yaml> {
    let Key { ty, default, .. } = shape.key?;
    match ty {
        Type::Mapping => {
            let mut filled = Mapping::new();
            fill(shape, &mut filled);
            (!filled.is_empty()).then_some(Yaml::Mapping(filled))
        }
        _ if default.is_empty() => None,
        Type::List | Type::Texts => serde_yaml::from_str(default).ok(),
        ty => scalar(*ty, default).ok(),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A value without a type of its own: a scalar is a text.
pub(super) fn any(node: &Node) -> Yaml {
    match &node.value {
        Value::Null => Yaml::Null,
        Value::Scalar(text) => Yaml::from(text.as_str()),
        Value::Sequence(elements) => Yaml::Sequence(elements.iter().map(any).collect()),
        Value::Mapping(entries) => Yaml::Mapping(
            entries.iter().map(|entry| (Yaml::from(entry.name.as_str()), any(&entry.node))).collect(),
        ),
    }
}

/// A scalar as its type wants it, else what was expected.
pub(super) fn scalar(ty: Type, text: &str) -> Result<Yaml, String> {
    let read = match ty {
        Type::Flag => flag(text).map(Yaml::from),
        Type::Integer(min, max) => {
            integer(text).filter(|number| (min..=max).contains(number)).map(Yaml::from)
        }
        Type::Number(min, max) => {
            text.parse::<f64>().ok().filter(|number| (min..=max).contains(number)).map(Yaml::from)
        }
        Type::Word(words) => {
            words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| Yaml::from(*word))
        }
        Type::Duration => duration(text).map(Yaml::from),
        Type::Address => text.trim().parse::<IpAddr>().ok().map(|_| Yaml::from(text.trim())),
        _ => Some(Yaml::from(text)),
    };
    read.ok_or_else(|| expectation(ty))
}

/// What a value of this type is, for messages.
pub(super) fn expectation(ty: Type) -> String {
    match ty {
        Type::Flag => "true or false".to_owned(),
        Type::Integer(min, i64::MAX) => format!("a whole number from {min}"),
        Type::Integer(min, max) => format!("a whole number from {min} to {max}"),
        Type::Number(min, f64::MAX) => format!("a number from {min}"),
        Type::Number(min, max) => format!("a number from {min} to {max}"),
        Type::Word(words) => format!("one of {}", words.join(", ")),
        Type::Duration => "a time span as 30s, 5m or 1h30m".to_owned(),
        Type::Address => "an IP address".to_owned(),
        Type::List => "a sequence".to_owned(),
        Type::Mapping | Type::Texts => "a mapping".to_owned(),
        Type::Text | Type::TextOrMapping | Type::TextOrPair | Type::Any => "a text".to_owned(),
    }
}

/// A switch in any of YAML 1.1's spellings.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// A whole number: decimal, hexadecimal after `0x`, octal after `0`.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.trim().strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.trim().strip_prefix('+').unwrap_or(text.trim())),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hexadecimal) => i64::from_str_radix(hexadecimal, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { -number } else { number })
}

/// Milliseconds of a time span: years, weeks, days, hours, minutes, seconds, milliseconds in this order, each at most
/// once.
pub(super) fn duration(text: &str) -> Option<u64> {
    const DAY: u64 = 86_400_000;
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * DAY),
        ("w", 7 * DAY),
        ("d", DAY),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut rest = compact.as_str();
    let mut units = UNITS.iter();
    let mut total = 0u64;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        let (unit, after) = after.split_at(after.bytes().take_while(u8::is_ascii_lowercase).count());
        let (_, milliseconds) = units.by_ref().find(|(name, _)| *name == unit)?;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(*milliseconds)?)?;
        rest = after;
    }
    (!compact.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_in_yaml() {
        for (text, number) in [
            ("5", Some(5)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("-3", Some(-3)),
            ("0", Some(0)),
            (" 7 ", Some(7)),
        ] {
            assert_eq!(integer(text), number, "{text}");
        }
        for bad in ["", "1.5", "five", "0x", "--1", "9223372036854775808"] {
            assert_eq!(integer(bad), None, "{bad}");
        }
    }

    #[test]
    fn time_spans_are_read_as_in_prometheus() {
        for (text, milliseconds) in
            [("1h", 3_600_000), ("1h30m", 5_400_000), ("500ms", 500), ("1 d", 86_400_000), ("1s1ms", 1_001)]
        {
            assert_eq!(duration(text), Some(milliseconds), "{text}");
        }
        for bad in ["", "5", "1m1h", "1h1h", "h", "1x", "-1s", "99999999999999999999y"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}

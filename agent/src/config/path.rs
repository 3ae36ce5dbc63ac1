//! Key paths of `-o KEY=VALUE`: `a.b[0].c` names a node of the configuration document, `a[]` a new one at the end of
//! a sequence. A backslash takes the meaning from the character after it, so that a name may have dots: `a.b\.c`.

use super::tree::{Entry, Node, Value};
use crate::rules::source::Place;

/// Elements that a sequence may have: an index beyond it is a slip of the finger, not a wish for memory.
const MAX_INDEX: usize = 1024;

/// What is wrong with a key path, or with the place it names.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    /// A name between dots is empty, or a character stands where none may.
    #[error("expected a name at position {0}")]
    Name(usize),
    /// What stands in brackets is no number, or a bracket is not closed.
    #[error("expected '[]' or '[NUMBER]' (NUMBER below {MAX_INDEX}) at position {0}")]
    Index(usize),
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    Append,
}

fn parse(path: &str) -> Result<Vec<Step>, PathError> {
    let mut steps = Vec::new();
    let mut at = 0;
    loop {
        let (name, length) = name(&path[at..]);
        if name.is_empty() {
            return Err(PathError::Name(at));
        }
        steps.push(Step::Name(name));
        at += length;
        while path[at..].starts_with('[') {
            let inside = path[at + 1..].split_once(']').ok_or(PathError::Index(at))?.0;
            steps.push(match inside {
                "" => Step::Append,
                digits => match digits.parse() {
                    Ok(index) if index < MAX_INDEX => Step::Index(index),
                    _ => return Err(PathError::Index(at)),
                },
            });
            at += inside.len() + 2;
        }
        match path[at..].chars().next() {
            None => return Ok(steps),
            Some('.') => at += 1,
            Some(_) => return Err(PathError::Name(at)),
        }
    }
}

/// The name at the beginning of `rest`, and how many bytes it takes there.
fn name(rest: &str) -> (String, usize) {
    let mut name = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '.' | '[' | ']' => return (name, at),
            '\\' => name.extend(characters.next().map_or(Some('\\'), |(_, escaped)| Some(escaped))),
            _ => name.push(character),
        }
    }
    (name, rest.len())
}

/// Puts `value` where `path` says. Whatever stands in the way (a scalar where the path wants a mapping) is replaced.
pub(super) fn set(root: &mut Node, path: &str, value: Node) -> Result<(), PathError> {
    let at = value.at;
    let mut node = root;
    for step in parse(path)? {
        node = match step {
            Step::Name(name) => member(node, name, at),
            Step::Index(index) => element(node, Some(index), at),
            Step::Append => element(node, None, at),
        };
    }
    *node = value;
    Ok(())
}

fn member(node: &mut Node, name: String, at: Place) -> &mut Node {
    if !matches!(node.value, Value::Mapping(_)) {
        *node = Node { at, value: Value::Mapping(Vec::new()) };
    }
    let Value::Mapping(entries) = &mut node.value else { unreachable!("it was made a mapping") };
    let index = entries.iter().position(|entry| entry.name == name).unwrap_or_else(|| {
        entries.push(Entry { name, at, node: Node::null(at) });
        entries.len() - 1
    });
    &mut entries[index].node
}

/// Element `index` of a sequence, or a new last one; what is missing before it is null.
fn element(node: &mut Node, index: Option<usize>, at: Place) -> &mut Node {
    if !matches!(node.value, Value::Sequence(_)) {
        *node = Node { at, value: Value::Sequence(Vec::new()) };
    }
    let Value::Sequence(elements) = &mut node.value else { unreachable!("it was made a sequence") };
    let index = index.unwrap_or(elements.len());
    while elements.len() <= index {
        elements.push(Node::null(at));
    }
    &mut elements[index]
}

#[cfg(test)]
mod tests {
    use super::super::read::any;
    use super::*;

    fn document(settings: &[(&str, &str)]) -> Result<String, PathError> {
        let mut root = Node::null(Place::default());
        for (path, value) in settings {
            set(&mut root, path, Node::scalar(*value, Place::default()))?;
        }
        Ok(serde_yaml::to_string(&any(&root)).unwrap())
    }

    #[test]
    fn paths_make_what_is_missing() {
        insta::assert_snapshot!(
            document(&[
                ("a", "1"),
                ("b.c.d", "2"),
                ("rules[].disable.rule", "x*"),
                ("rules[].enable.tag", "t"),
                ("append_output[1].match.tags[0]", "alpha"),
                ("a.now", "a mapping"),
                (r"static_fields.a\.b\[0\]\\", "escaped"),
            ])
            .unwrap(),
            @r"
        a:
          now: a mapping
        b:
          c:
            d: '2'
        rules:
        - disable:
            rule: x*
        - enable:
            tag: t
        append_output:
        - null
        - match:
            tags:
            - alpha
        static_fields:
          a.b[0]\: escaped
        "
        );
    }

    #[test]
    fn bad_paths_say_where() {
        for (path, error) in [
            ("", PathError::Name(0)),
            ("a..b", PathError::Name(2)),
            ("a.", PathError::Name(2)),
            ("a[0]b", PathError::Name(4)),
            ("[0]", PathError::Name(0)),
            ("a]", PathError::Name(1)),
            ("a[", PathError::Index(1)),
            ("a[x]", PathError::Index(1)),
            ("a[-1]", PathError::Index(1)),
            ("a[99999999999]", PathError::Index(1)),
        ] {
            assert_eq!(document(&[(path, "v")]), Err(error), "{path}");
        }
    }
}

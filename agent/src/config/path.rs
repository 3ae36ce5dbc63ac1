//! Key paths of `-o KEY=VALUE`: `a.b[0].c` names a node of the configuration document, `a[]` a new one at the end of
//! a sequence.

use serde_yaml::{Mapping, Value};

/// Elements that a sequence may have: an index beyond it is a slip of the finger, not a wish for memory.
const MAX_INDEX: usize = 1024;

/// What is wrong with a key path, or with the place it names.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A name between dots is empty, or a character stands where none may.
    #[error("expected a name at position {0}")]
    Name(usize),
    /// What stands in brackets is no number, or a bracket is not closed.
    #[error("expected '[]' or '[NUMBER]' (NUMBER below {MAX_INDEX}) at position {0}")]
    Index(usize),
}

#[derive(Debug, PartialEq, Eq)]
enum Step<'k> {
    Name(&'k str),
    Index(usize),
    Append,
}

fn parse(path: &str) -> Result<Vec<Step<'_>>, PathError> {
    let mut steps = Vec::new();
    let mut at = 0;
    loop {
        let rest = &path[at..];
        let name = &rest[..rest.find(['.', '[']).unwrap_or(rest.len())];
        if name.is_empty() || name.contains(']') {
            return Err(PathError::Name(at));
        }
        steps.push(Step::Name(name));
        at += name.len();
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

/// Puts `value` where `path` says. Whatever stands in the way (a scalar where the path wants a mapping) is replaced.
pub(super) fn set(root: &mut Mapping, path: &str, value: Value) -> Result<(), PathError> {
    let mut steps = parse(path)?.into_iter();
    let Some(Step::Name(first)) = steps.next() else { return Err(PathError::Name(0)) };
    let mut node = root.entry(first.into()).or_insert(Value::Null);
    for step in steps {
        node = match step {
            Step::Name(name) => mapping(node).entry(name.into()).or_insert(Value::Null),
            Step::Index(index) => element(node, Some(index)),
            Step::Append => element(node, None),
        };
    }
    *node = value;
    Ok(())
}

fn mapping(node: &mut Value) -> &mut Mapping {
    if !node.is_mapping() {
        *node = Value::Mapping(Mapping::new());
    }
    match node {
        Value::Mapping(mapping) => mapping,
        _ => unreachable!("it was made a mapping"),
    }
}

/// Element `index` of a sequence, or a new last one; what is missing before it is null.
fn element(node: &mut Value, index: Option<usize>) -> &mut Value {
    if !node.is_sequence() {
        *node = Value::Sequence(Vec::new());
    }
    match node {
        Value::Sequence(sequence) => {
            let index = index.unwrap_or(sequence.len());
            if sequence.len() <= index {
                sequence.resize(index + 1, Value::Null);
            }
            &mut sequence[index]
        }
        _ => unreachable!("it was made a sequence"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(settings: &[(&str, &str)]) -> Result<String, PathError> {
        let mut root = Mapping::new();
        for (path, value) in settings {
            set(&mut root, path, Value::from(*value))?;
        }
        Ok(serde_yaml::to_string(&root).unwrap())
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
            ("a[", PathError::Index(1)),
            ("a[x]", PathError::Index(1)),
            ("a[-1]", PathError::Index(1)),
            ("a[99999999999]", PathError::Index(1)),
        ] {
            assert_eq!(document(&[(path, "v")]), Err(error), "{path}");
        }
    }
}

//! The table of keys as the tree that documents have, and the names that are nearly right.

use std::sync::LazyLock;

use super::keys::{Key, keys};
use crate::spell::edit_distance;

/// A place of the tree: its row, and what may stand below it.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Only the root has none.
    pub key: Option<&'static Key>,
    /// Keys of the mapping, in the order of the table.
    pub names: Vec<(&'static str, Shape)>,
    /// What each element of the sequence is (`[]`).
    pub element: Option<Box<Shape>>,
    /// The mapping that may stand for the scalar (`{}`).
    pub mapping: Option<Box<Shape>>,
}

static ROOT: LazyLock<Shape> = LazyLock::new(|| {
    let mut root = Shape::default();
    for key in keys() {
        root.place(key.path).key = Some(key);
    }
    root
});

/// The whole tree.
pub(super) fn root() -> &'static Shape {
    &ROOT
}

impl Shape {
    /// The place that a path names, made if it is not there.
    fn place(&mut self, path: &'static str) -> &mut Shape {
        if path.is_empty() {
            return self;
        }
        if let Some(rest) = path.strip_prefix("[]") {
            return self.element.get_or_insert_default().place(rest);
        }
        if let Some(rest) = path.strip_prefix("{}") {
            return self.mapping.get_or_insert_default().place(rest);
        }
        let path = path.strip_prefix('.').unwrap_or(path);
        let (name, rest) = path.split_at(path.find(['.', '[', '{']).unwrap_or(path.len()));
        let index = self.names.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.names.push((name, Shape::default()));
            self.names.len() - 1
        });
        self.names[index].1.place(rest)
    }

    /// The place below a name.
    pub(super) fn name(&self, name: &str) -> Option<&Shape> {
        self.names.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape)
    }

    /// A key that was probably meant where `name` stands: one beside it that is spelled nearly so, else the only one of
    /// that name anywhere.
    pub(super) fn similar(&self, path: &str, name: &str) -> Option<String> {
        let near = self.names.iter().map(|(known, _)| (edit_distance(known, name, u8::eq), *known));
        let nearest = near
            .min()
            .filter(|(distance, known)| *distance <= 2.max(known.len() / 4) && *distance < known.len());
        if let Some((_, known)) = nearest {
            return Some(if path.is_empty() { known.to_owned() } else { format!("{path}.{known}") });
        }
        let mut elsewhere = keys().filter(|key| key.name() == name && !key.path.contains('['));
        match (elsewhere.next(), elsewhere.next()) {
            (Some(key), None) => Some(key.path.to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_place_and_every_place_its_row() {
        fn rows(shape: &Shape, root: bool) -> usize {
            assert_eq!(shape.key.is_none(), root, "{shape:?}");
            let below = shape.names.iter().map(|(_, shape)| shape);
            let below = below.chain(shape.element.as_deref()).chain(shape.mapping.as_deref());
            usize::from(!root) + below.map(|shape| rows(shape, false)).sum::<usize>()
        }
        assert_eq!(rows(root(), true), keys().count());
    }

    #[test]
    fn names_that_are_nearly_right_are_found() {
        let similar = |path: &str, name: &str| match path {
            "" => root().similar("", name),
            path => root().name(path).and_then(|shape| shape.similar(path, name)),
        };
        assert_eq!(similar("", "json_ouptut").as_deref(), Some("json_output"));
        assert_eq!(similar("webserver", "listen_prot").as_deref(), Some("webserver.listen_port"));
        assert_eq!(similar("", "listen_port").as_deref(), Some("webserver.listen_port"));
        assert_eq!(similar("", "enabled"), None);
        assert_eq!(similar("", "nonsense"), None);
    }
}

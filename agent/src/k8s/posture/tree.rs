//! What manifests and requests have in common: a tree of mappings, lists and scalars.

use std::rc::Rc;

use crate::k8s::audit::Json;
use crate::rules::yaml::Node;

/// A value of a manifest or of a request.
pub trait Tree: Sized {
    /// A member of a mapping.
    fn get(&self, key: &str) -> Option<&Self>;

    /// The items of a list; none for anything else.
    fn each(&self) -> impl Iterator<Item = &Self>;

    /// The text of a string. (In YAML also of a number or a truth value: quotes mean nothing here.)
    fn text(&self) -> Option<&str>;

    /// A truth value.
    fn flag(&self) -> Option<bool>;

    /// A number.
    fn number(&self) -> Option<i64>;

    /// What lies at the end of a path of keys.
    fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }
}

impl Tree for Json {
    fn get(&self, key: &str) -> Option<&Self> {
        Json::get(self, key)
    }

    fn each(&self) -> impl Iterator<Item = &Self> {
        self.items().unwrap_or_default().iter()
    }

    fn text(&self) -> Option<&str> {
        Json::text(self)
    }

    fn flag(&self) -> Option<bool> {
        match self {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn number(&self) -> Option<i64> {
        match self {
            Json::Number(number) => number.as_i64(),
            _ => None,
        }
    }
}

impl Tree for Node {
    fn get(&self, key: &str) -> Option<&Self> {
        Node::get(self, key).map(Rc::as_ref)
    }

    fn each(&self) -> impl Iterator<Item = &Self> {
        self.items().unwrap_or_default().iter().map(Rc::as_ref)
    }

    fn text(&self) -> Option<&str> {
        self.scalar()
    }

    fn flag(&self) -> Option<bool> {
        match self.scalar()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    fn number(&self) -> Option<i64> {
        self.scalar()?.parse().ok()
    }
}

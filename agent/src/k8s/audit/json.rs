//! A JSON document that keeps the order of its members, because outputs show parts of it as they came.

use std::fmt::{self, Formatter};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Number;

/// A JSON value. Of members with one name the first counts.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    List(Vec<Json>),
    Map(Vec<(Box<str>, Json)>),
}

impl Json {
    /// A member of an object, or (as JSON pointers have it) an item of a list by its number.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Map(members) => members.iter().find(|(name, _)| **name == *key).map(|(_, value)| value),
            Json::List(items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// What lies at the end of a path of names.
    pub fn at(&self, path: &[&str]) -> Option<&Json> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// What a JSON pointer (RFC 6901) points at. The slash at its beginning may be missing.
    pub fn pointer(&self, pointer: &str) -> Option<&Json> {
        let steps = pointer.strip_prefix('/').unwrap_or(pointer).split('/');
        steps.into_iter().try_fold(self, |value, step| match step.contains('~') {
            true => value.get(&step.replace("~1", "/").replace("~0", "~")),
            false => value.get(step),
        })
    }

    /// The items of a list.
    pub fn items(&self) -> Option<&[Json]> {
        match self {
            Json::List(items) => Some(items),
            _ => None,
        }
    }

    /// The members of an object; empty for anything else.
    pub fn members(&self) -> &[(Box<str>, Json)] {
        match self {
            Json::Map(members) => members,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Number(number) => number.serialize(serializer),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Json::Map(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Json;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // JSON text has no infinity; the parser refuses what would overflow.
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_document_comes_out_as_it_went_in() {
        let text = r#"{"z":1,"a":[true,null,-2,1.5,"é\n"],"m":{},"z":2}"#;
        let json = parsed(text);
        assert_eq!(serde_json::to_string(&json).unwrap(), text);
        assert_eq!(json.get("z"), Some(&Json::Number(1.into())), "the first of two counts");
    }

    #[test]
    fn pointers_lead_through_objects_and_lists() {
        let json = parsed(r#"{"a":{"b/c":{"d~":[10,{"e":"x"}]}},"":5}"#);
        for (pointer, expected) in [
            ("/a/b~1c/d~0/0", Some("10")),
            ("a/b~1c/d~0/1/e", Some("\"x\"")),
            ("/", Some("5")),
            ("/a/b~1c/d~0/2", None),
            ("/a/b~1c/d~0/-1", None),
            ("/a/x", None),
        ] {
            let found = json.pointer(pointer).map(|value| serde_json::to_string(value).unwrap());
            assert_eq!(found.as_deref(), expected, "{pointer}");
        }
        assert_eq!(json.at(&["a", "b/c", "d~", "1", "e"]).and_then(Json::text), Some("x"));
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(serde_json::from_str::<Json>(&deep).is_err());
    }
}

//! The table of keys as a JSON schema, for editors and for checks before a configuration is rolled out.

use serde_json::{Map, Value, json};

use super::keys::Type;
use super::read::default;
use super::shape::{Shape, root};

/// The schema of a configuration file, in the draft that Falco's has.
pub fn json_schema() -> Value {
    let mut schema = mapping(root());
    schema["$schema"] = "http://json-schema.org/draft-06/schema#".into();
    schema["title"] = "Configuration of Saker".into();
    schema
}

fn mapping(shape: &Shape) -> Value {
    let properties: Map<String, Value> =
        shape.names.iter().map(|(name, shape)| ((*name).to_owned(), value(shape))).collect();
    let required: Vec<&str> = shape
        .names
        .iter()
        .filter(|(_, shape)| shape.key.is_some_and(|key| key.required))
        .map(|(name, _)| *name)
        .collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn value(shape: &Shape) -> Value {
    let Some(key) = shape.key else { return mapping(shape) };
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let mut schema = match key.ty {
        Type::Flag => json!({ "type": "boolean" }),
        Type::Integer(min, i64::MAX) => json!({ "type": "integer", "minimum": min }),
        Type::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Type::Number(min, f64::MAX) => json!({ "type": "number", "minimum": min }),
        Type::Number(min, max) => json!({ "type": "number", "minimum": min, "maximum": max }),
        // Words are taken in any case, which an enumeration cannot say.
        Type::Word(words) => json!({ "type": "string", "pattern": any_case(words) }),
        Type::Text | Type::Duration | Type::Address => text(),
        Type::List => json!({ "type": "array", "items": shape.element.as_deref().map_or(json!({}), value) }),
        Type::Mapping => mapping(shape),
        Type::Texts => texts(),
        Type::TextOrMapping => {
            json!({ "oneOf": [text(), shape.mapping.as_deref().map_or_else(|| json!({}), value)] })
        }
        Type::TextOrPair => json!({ "oneOf": [text(), texts()] }),
        Type::Any => json!({}),
    };
    schema["description"] = key.doc.into();
    if !matches!(key.ty, Type::Mapping)
        && let Some(default) = default(shape)
        && !key.default.is_empty()
    {
        // A time span is read to a number, but written as a text.
        let default = if key.ty == Type::Duration { key.default.into() } else { json!(default) };
        schema["default"] = default;
    }
    schema
}

/// An expression for these words in any case.
fn any_case(words: &[&str]) -> String {
    let word = |word: &&str| -> String {
        let letters = word.chars().map(|letter| match letter {
            'a'..='z' => format!("[{}{letter}]", letter.to_ascii_uppercase()),
            other => other.to_string(),
        });
        letters.collect()
    };
    format!("^({})$", words.iter().map(word).collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_types_and_defaults() {
        let schema = json_schema();
        insta::assert_snapshot!(schema["properties"]["engine"]["properties"]["replay"], @r#"{"additionalProperties":false,"description":"Settings of the replay.","properties":{"capture_file":{"description":"The capture that `engine.kind: replay` reads.","type":"string"}},"required":["capture_file"],"type":"object"}"#);
        insta::assert_snapshot!(schema["properties"]["rule_matching"], @r#"{"default":"first","description":"How many rules may answer to one event.","pattern":"^([Ff][Ii][Rr][Ss][Tt]|[Aa][Ll][Ll])$","type":"string"}"#);
        insta::assert_snapshot!(schema["properties"]["config_files"]["items"]["oneOf"], @r#"[{"type":"string"},{"additionalProperties":false,"description":"A path with its strategy.","properties":{"path":{"description":"A file or a directory; what is not there is passed over.","type":"string"},"strategy":{"default":"append","description":"What becomes of a key that is there already: sequences are joined and all else replaced (`append`), all is replaced (`override`), or it stays (`add-only`).","pattern":"^([Aa][Pp][Pp][Ee][Nn][Dd]|[Oo][Vv][Ee][Rr][Rr][Ii][Dd][Ee]|[Aa][Dd][Dd]-[Oo][Nn][Ll][Yy])$","type":"string"}},"required":["path"],"type":"object"}]"#);
        insta::assert_snapshot!(schema["properties"]["metrics"]["properties"]["interval"], @r#"{"default":"1h","description":"How often they are reported; at least 100ms.","type":"string"}"#);
        assert_eq!(schema["properties"]["webserver"]["properties"]["listen_port"]["default"], 8765);
    }
}

//! The shape of a rule file, as a table: what Falco's JSON schema says, and its validation with its messages.
//!
//! Falco validates each document but loads it whatever the result is; the reader decides what is an error. So this
//! only makes `schema_valid` and `schema_warnings` of a load result.

use serde_json::{Map, json};

use super::yaml::{Node, Value};

/// What a value must be.
enum Shape {
    /// Anything.
    Any,
    /// A scalar that is not null.
    Text,
    /// A scalar that reads as a decimal number.
    Integer,
    /// `true` or `false`; none of YAML's other spellings.
    Boolean,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A sequence.
    ListOf(&'static Shape),
    /// One of these shapes.
    AnyOf(&'static [Shape]),
    /// A mapping with these keys and no others.
    Keys { known: &'static [(&'static str, Shape)], required: &'static [&'static str], not_empty: bool },
}

const fn keys(known: &'static [(&'static str, Shape)], required: &'static [&'static str]) -> Shape {
    Shape::Keys { known, required, not_empty: false }
}

/// A document.
static DOCUMENT: Shape = Shape::ListOf(&ITEM);

/// An item. Keys are in alphabetical order, which is that of the messages.
static ITEM: Shape = keys(
    &[
        ("append", Shape::Boolean),
        ("capture", Shape::Boolean),
        ("capture_duration", Shape::Integer),
        ("condition", Shape::Text),
        ("desc", Shape::Text),
        ("enabled", Shape::Boolean),
        ("exceptions", Shape::ListOf(&EXCEPTION)),
        ("items", Shape::ListOf(&Shape::AnyOf(&[Shape::Integer, Shape::Text]))),
        ("list", Shape::Text),
        ("macro", Shape::Text),
        ("output", Shape::Text),
        ("override", OVERRIDE),
        ("priority", Shape::Word(PRIORITIES)),
        ("required_engine_version", Shape::Text),
        ("required_plugin_versions", Shape::ListOf(&PLUGIN_VERSION)),
        ("rule", Shape::Text),
        ("skip-if-unknown-filter", Shape::Boolean),
        ("source", Shape::Text),
        ("tags", Shape::ListOf(&Shape::Text)),
        ("warn_evttypes", Shape::Boolean),
    ],
    &[],
);

/// Only in capitals, unlike what the reader accepts.
const PRIORITIES: &[&str] =
    &["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "INFORMATIONAL", "DEBUG"];

static EXCEPTION: Shape = keys(
    &[("comps", Shape::Any), ("fields", Shape::Any), ("name", Shape::Text), ("values", Shape::Any)],
    &["name"],
);

const OPERATION: Shape = Shape::Word(&["append", "replace"]);

const OVERRIDE: Shape = Shape::Keys {
    known: &[
        ("capture", OPERATION),
        ("capture_duration", OPERATION),
        ("condition", OPERATION),
        ("desc", OPERATION),
        ("enabled", OPERATION),
        ("exceptions", OPERATION),
        ("items", OPERATION),
        ("output", OPERATION),
        ("priority", OPERATION),
        ("skip-if-unknown-filter", OPERATION),
        ("tags", OPERATION),
        ("warn_evttypes", OPERATION),
    ],
    required: &[],
    not_empty: true,
};

static PLUGIN_VERSION: Shape = keys(
    &[("alternatives", Shape::ListOf(&ALTERNATIVE)), ("name", Shape::Text), ("version", Shape::Text)],
    &["name", "version"],
);

static ALTERNATIVE: Shape = keys(&[("name", Shape::Text), ("version", Shape::Text)], &["name", "version"]);

/// The table as a JSON schema, in the draft that Falco's has.
pub fn json_schema() -> serde_json::Value {
    let mut schema = DOCUMENT.json();
    schema["$schema"] = "http://json-schema.org/draft-06/schema#".into();
    schema["title"] = "Rule file".into();
    schema
}

impl Shape {
    fn json(&self) -> serde_json::Value {
        match self {
            Shape::Any => json!({}),
            Shape::Text => json!({ "type": "string" }),
            Shape::Integer => json!({ "type": "integer" }),
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::Word(words) => json!({ "type": "string", "enum": words }),
            Shape::ListOf(item) => json!({ "type": "array", "items": item.json() }),
            Shape::AnyOf(shapes) => json!({ "anyOf": shapes.iter().map(Shape::json).collect::<Vec<_>>() }),
            Shape::Keys { known, required, not_empty } => {
                let properties: Map<_, _> =
                    known.iter().map(|(key, shape)| ((*key).to_owned(), shape.json())).collect();
                let mut schema = json!({
                    "type": "object",
                    "additionalProperties": false,
                    "properties": properties,
                });
                if !required.is_empty() {
                    schema["required"] = json!(required);
                }
                if *not_empty {
                    schema["minProperties"] = 1.into();
                }
                schema
            }
        }
    }
}

/// The most messages that are kept; a file of garbage has no end of them.
const MAX_MESSAGES: usize = 1_000;

/// How many values are looked at in all, since aliases can make few bytes many values.
const MAX_VISITS: usize = 4_000_000;

/// Validates a document; returns Falco's messages, none if it has the shape.
pub(crate) fn validate(document: &Node) -> Vec<String> {
    let mut validation = Validation { path: Vec::new(), messages: Vec::new(), visits: 0 };
    validation.value(&DOCUMENT, document);
    validation.messages
}

struct Validation {
    /// From the root to the value that is looked at.
    path: Vec<Step>,
    messages: Vec<String>,
    visits: usize,
}

#[derive(Clone, Copy)]
enum Step {
    Index(usize),
    Key(&'static str),
}

impl Validation {
    fn fail(&mut self, message: &str) -> bool {
        if self.messages.len() < MAX_MESSAGES {
            let mut path = String::from("<root>");
            for step in &self.path {
                path.push_str(&match step {
                    Step::Index(index) => format!("[{index}]"),
                    Step::Key(key) => format!("[\"{key}\"]"),
                });
            }
            self.messages.push(format!("failed for {path}: {message}"));
        }
        false
    }

    /// Validates a value one step down.
    fn child(&mut self, step: Step, shape: &'static Shape, node: &Node) -> bool {
        self.path.push(step);
        let valid = self.value(shape, node);
        self.path.pop();
        valid
    }

    fn value(&mut self, shape: &'static Shape, node: &Node) -> bool {
        self.visits += 1;
        if self.visits > MAX_VISITS || self.messages.len() >= MAX_MESSAGES {
            return true;
        }
        let typed = self.is_of_type(shape, node);
        typed & self.constraints(shape, node)
    }

    fn is_of_type(&mut self, shape: &Shape, node: &Node) -> bool {
        let fits = match shape {
            Shape::Any | Shape::AnyOf(_) => true,
            Shape::Text | Shape::Word(_) => node.scalar().is_some(),
            Shape::Integer => node.scalar().is_some_and(is_integer),
            Shape::Boolean => matches!(node.scalar(), Some("true" | "false")),
            // An empty collection passes for the other kind.
            Shape::ListOf(_) => node.items().is_some() || (node.is_map() && node.entries().is_empty()),
            Shape::Keys { .. } => node.is_map() || node.items().is_some_and(<[_]>::is_empty),
        };
        fits || self.fail("Value type not permitted by 'type' constraint.")
    }

    fn constraints(&mut self, shape: &'static Shape, node: &Node) -> bool {
        match shape {
            Shape::Word(words) => {
                node.scalar().is_some_and(|text| words.contains(&text))
                    || self.fail("Failed to match against any enum values.")
            }
            Shape::ListOf(item) => {
                let mut valid = true;
                for (index, child) in node.items().unwrap_or_default().iter().enumerate() {
                    if !self.child(Step::Index(index), item, child) {
                        valid = self.fail(&format!("Failed to validate item #{index} in array."));
                    }
                }
                valid
            }
            Shape::AnyOf(shapes) => {
                let before = self.messages.len();
                for (index, shape) in shapes.iter().enumerate() {
                    if self.value(shape, node) {
                        self.messages.truncate(before);
                        return true;
                    }
                    self.fail(&format!("Failed to validate against child schema #{index}."));
                }
                self.fail("Failed to validate against any schemas allowed by anyOf constraint.")
            }
            Shape::Keys { known, required, not_empty } => {
                let mapping = matches!(node.value, Value::Map(_));
                !mapping || self.keys(node, known, required, *not_empty)
            }
            _ => true,
        }
    }

    fn keys(
        &mut self,
        node: &Node,
        known: &'static [(&'static str, Shape)],
        required: &[&str],
        not_empty: bool,
    ) -> bool {
        let mut valid = true;
        if not_empty && node.entries().is_empty() {
            valid = self.fail("Object should have no fewer than 1 properties.");
        }
        let mut matched = 0;
        for (key, shape) in known {
            let Some(child) = node.get(key) else { continue };
            matched += 1;
            if !self.child(Step::Key(key), shape, child) {
                valid = self.fail(&format!(
                    "Failed to validate against schema associated with property name '{key}'."
                ));
            }
        }
        // Duplicate keys count too, but are known: then no name is given.
        if matched != node.entries().len() {
            let is_known = |text: &str| known.iter().any(|(key, _)| *key == text);
            let unwanted = node.entries().iter().map(|(key, _)| key_text(key)).find(|text| !is_known(text));
            valid = self.fail(&format!(
                "Object contains a property that could not be validated using 'properties' or \
                 'additionalProperties' constraints: '{}'.",
                unwanted.unwrap_or_default()
            ));
        }
        for key in required {
            if node.get(key).is_none() {
                valid = self.fail(&format!("Missing required property '{key}'."));
            }
        }
        valid
    }
}

/// What a key reads as a text.
pub(crate) fn key_text(key: &Node) -> &str {
    match &key.value {
        Value::Scalar(text) => text,
        Value::Null => "null",
        Value::Seq(_) | Value::Map(_) => "",
    }
}

/// Whether `strtol` takes all of the text.
fn is_integer(text: &str) -> bool {
    let text = text.trim_start();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> String {
        let documents = super::super::yaml::parse(text).unwrap();
        documents.iter().flat_map(|document| validate(document)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn keys_are_in_order() {
        for shape in [&ITEM, &EXCEPTION, &OVERRIDE, &PLUGIN_VERSION, &ALTERNATIVE] {
            let Shape::Keys { known, .. } = shape else { panic!("no keys") };
            assert!(known.is_sorted_by_key(|(key, _)| key));
        }
    }

    #[test]
    fn the_json_schema_is_that_of_the_table() {
        let schema = json_schema();
        let item = &schema["items"]["properties"];
        assert_eq!(item["priority"]["enum"][6], "INFO");
        assert_eq!(item["items"]["items"]["anyOf"][0]["type"], "integer");
        insta::assert_snapshot!(item["required_plugin_versions"], @r#"{"items":{"additionalProperties":false,"properties":{"alternatives":{"items":{"additionalProperties":false,"properties":{"name":{"type":"string"},"version":{"type":"string"}},"required":["name","version"],"type":"object"},"type":"array"},"name":{"type":"string"},"version":{"type":"string"}},"required":["name","version"],"type":"object"},"type":"array"}"#);
        assert_eq!(item["override"]["minProperties"], 1);
        let Shape::Keys { known, .. } = &ITEM else { panic!("no keys") };
        assert_eq!(item.as_object().map(Map::len), Some(known.len()));
    }

    #[test]
    fn a_good_file_has_no_messages() {
        let text = "- rule: 1\n  priority: INFO\n  enabled: 'false'\n  tags: [a]\n  override: {tags: append}\n\
                    - list: l\n  items: [1, a, 2.5]\n- {}\n- []\n";
        assert_eq!(messages(text), "");
    }

    #[test]
    fn messages_lead_from_the_value_to_the_root() {
        insta::assert_snapshot!(messages("- rule: r\n  priority: [info]\n  nope: 1\n"), @r#"
        failed for <root>[0]["priority"]: Value type not permitted by 'type' constraint.
        failed for <root>[0]["priority"]: Failed to match against any enum values.
        failed for <root>[0]: Failed to validate against schema associated with property name 'priority'.
        failed for <root>[0]: Object contains a property that could not be validated using 'properties' or 'additionalProperties' constraints: 'nope'.
        failed for <root>: Failed to validate item #0 in array.
        "#);
        insta::assert_snapshot!(messages("- list: l\n  list: m\n  items: [~]\n"), @r#"
        failed for <root>[0]["items"][0]: Value type not permitted by 'type' constraint.
        failed for <root>[0]["items"][0]: Failed to validate against child schema #0.
        failed for <root>[0]["items"][0]: Value type not permitted by 'type' constraint.
        failed for <root>[0]["items"][0]: Failed to validate against child schema #1.
        failed for <root>[0]["items"][0]: Failed to validate against any schemas allowed by anyOf constraint.
        failed for <root>[0]["items"]: Failed to validate item #0 in array.
        failed for <root>[0]: Failed to validate against schema associated with property name 'items'.
        failed for <root>[0]: Object contains a property that could not be validated using 'properties' or 'additionalProperties' constraints: ''.
        failed for <root>: Failed to validate item #0 in array.
        "#);
        assert_eq!(
            messages("rule: r\n"),
            "failed for <root>: Value type not permitted by 'type' constraint."
        );
    }
}

//! What a webhook sends: a text in which `{{NAME}}` stands for a part of the alert.

use crate::alerts::{Alert, push_printable, push_string};

/// What is sent when no payload is given: the alert as JSON.
pub(super) const ALERT: &str = "{{json}}";
/// What Slack and those who understand its messages want.
pub(super) const SLACK: &str = r#"{"text": "{{output}}", "attachments": [{"color": "{{color}}", "fallback": "{{rule}}", "title": "{{rule}}", "text": "{{fields_text}}", "footer": "{{hostname}} {{source}} {{tags_text}}"}]}"#;

/// A payload, ready to be filled in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Payload {
    pieces: Vec<Piece>,
    /// The values stand in JSON texts.
    json: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    Part(Part),
    /// An output field.
    Field(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Rule,
    Priority,
    Source,
    Hostname,
    Time,
    Output,
    Color,
    TagsText,
    FieldsText,
    Tags,
    Fields,
    Json,
}

/// The parts, by name. The last three are JSON themselves.
const PARTS: &[(&str, Part)] = &[
    ("rule", Part::Rule),
    ("priority", Part::Priority),
    ("source", Part::Source),
    ("hostname", Part::Hostname),
    ("time", Part::Time),
    ("output", Part::Output),
    ("color", Part::Color),
    ("tags_text", Part::TagsText),
    ("fields_text", Part::FieldsText),
    ("tags", Part::Tags),
    ("fields", Part::Fields),
    ("json", Part::Json),
];

/// Why a payload is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PayloadError {
    /// A name is not closed.
    #[error("'{{{{' at position {0} has no '}}}}'")]
    Open(usize),
    /// A name means nothing.
    #[error(
        "'{{{{{0}}}}}' is neither an output field nor one of rule, priority, source, hostname, time, output, color, \
         tags_text, fields_text, tags, fields, json"
    )]
    Unknown(String),
    /// What it makes would not be JSON.
    #[error("with texts filled in it is no JSON: {0}")]
    NoJson(String),
}

impl Payload {
    /// Takes a payload apart. `json` says whether it is to be JSON, which is then tried.
    pub(super) fn new(text: &str, json: bool) -> Result<Payload, PayloadError> {
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(length) = text[at..].find("{{") {
            let open = at + length;
            let close = text[open..].find("}}").ok_or(PayloadError::Open(open + 1))? + open;
            pieces.push(Piece::Text(text[at..open].to_owned()));
            let name = text[open + 2..close].trim();
            pieces.push(match PARTS.iter().find(|(known, _)| *known == name) {
                Some((_, part)) => Piece::Part(*part),
                None if name.contains('.') => Piece::Field(name.to_owned()),
                None => return Err(PayloadError::Unknown(name.to_owned())),
            });
            at = close + 2;
        }
        pieces.push(Piece::Text(text[at..].to_owned()));
        let payload = Payload { pieces, json };
        if json {
            let parts =
                crate::alerts::Parts { tags: b"[]", json: b"{}", fields: b"{}", ..Default::default() };
            let mut filled = Vec::new();
            if let Ok(alert) = Alert::new(&parts) {
                payload.fill(&alert, &mut filled);
            }
            serde_json::from_slice::<serde::de::IgnoredAny>(&filled)
                .map_err(|error| PayloadError::NoJson(error.to_string()))?;
        }
        Ok(payload)
    }

    /// Fills it in.
    pub(super) fn fill(&self, alert: &Alert, out: &mut Vec<u8>) {
        let mut fields = None;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Part(Part::Json) => out.extend_from_slice(alert.json()),
                Piece::Part(Part::Fields) => out.extend_from_slice(alert.fields()),
                Piece::Part(Part::Tags) => out.extend_from_slice(alert.tags()),
                Piece::Part(part) => self.push(&part_text(*part, alert), out),
                Piece::Field(name) => {
                    let fields = fields.get_or_insert_with(|| alert.parsed_fields());
                    let text = fields.get(name).map_or_else(|| "<NA>".to_owned(), value_text);
                    self.push(text.as_bytes(), out);
                }
            }
        }
    }

    fn push(&self, text: &[u8], out: &mut Vec<u8>) {
        if !self.json {
            return push_printable(text, out);
        }
        let mut quoted = Vec::new();
        push_string(text, &mut quoted);
        // The quotes stand in the payload.
        out.extend_from_slice(quoted.get(1..quoted.len() - 1).unwrap_or_default());
    }
}

fn part_text(part: Part, alert: &Alert) -> Vec<u8> {
    match part {
        Part::Rule => alert.rule().into(),
        Part::Priority => alert.priority().word().into(),
        Part::Source => alert.source().into(),
        Part::Hostname => alert.hostname().into(),
        Part::Time => {
            let mut time = Vec::new();
            crate::alerts::push_utc(alert.time(), &mut time);
            time
        }
        Part::Output => alert.text().to_owned(),
        Part::Color => color(alert.priority()).into(),
        Part::TagsText => {
            let tags: Vec<String> = serde_json::from_slice(alert.tags()).unwrap_or_default();
            tags.join(" ").into_bytes()
        }
        Part::FieldsText => {
            let fields = alert.parsed_fields();
            let lines = fields.iter().map(|(name, value)| format!("{name}: {}", value_text(value)));
            lines.collect::<Vec<_>>().join("\n").into_bytes()
        }
        Part::Tags | Part::Fields | Part::Json => Vec::new(),
    }
}

/// How a value reads in text.
fn value_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "<NA>".to_owned(),
        value => value.to_string(),
    }
}

/// The more severe, the redder.
fn color(priority: crate::config::Priority) -> &'static str {
    use crate::config::Priority::{Alert, Critical, Debug, Emergency, Error, Informational, Notice, Warning};
    match priority {
        Emergency | Alert => "#b00020",
        Critical | Error => "#e03c31",
        Warning => "#f2a900",
        Notice => "#2f80ed",
        Informational | Debug => "#8a8f98",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Parts;
    use crate::config::Priority;

    fn alert() -> Alert {
        Alert::new(&Parts {
            rule: "A \"rule\"",
            source: "syscall",
            hostname: "box",
            priority: Priority::Warning,
            tags: br#"["a","b"]"#,
            time: 1_470_327_477_000_000_042,
            text: b"out \xff\n\"",
            json: br#"{"rule":"r"}"#,
            fields: br#"{"evt.num":3,"fd.name":null,"proc.name":"a\"b\u001b"}"#,
            ..Parts::default()
        })
        .unwrap()
    }

    fn filled(text: &str, json: bool) -> Result<String, String> {
        let payload = Payload::new(text, json).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        payload.fill(&alert(), &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_are_filled_in_so_that_json_stays_json() {
        assert_eq!(filled(ALERT, true).unwrap(), r#"{"rule":"r"}"#);
        let text = r#"{"s": "{{rule}}: {{ proc.name }} {{evt.num}} {{fd.name}} {{no.field}}", "t": {{tags}}, "f": {{fields}}}"#;
        let value: serde_json::Value = serde_json::from_str(&filled(text, true).unwrap()).unwrap();
        assert_eq!(value["s"], "A \"rule\": a\"b\u{1b} 3 <NA> <NA>");
        assert_eq!((&value["t"][1], &value["f"]["evt.num"]), (&"b".into(), &3.into()));
        let slack: serde_json::Value = serde_json::from_str(&filled(SLACK, true).unwrap()).unwrap();
        assert_eq!(slack["text"], "out \u{fffd}\n\"");
        assert_eq!(slack["attachments"][0]["footer"], "box syscall a b");
        assert_eq!(slack["attachments"][0]["color"], "#f2a900");
    }

    #[test]
    fn plain_texts_have_no_control_characters_from_events() {
        assert_eq!(
            filled("{{time}} {{output}} {{proc.name}}", false).unwrap(),
            "2016-08-04T16:17:57.000000042Z out \u{fffd}\\n\" a\"b\\u001b"
        );
    }

    #[test]
    fn mistakes_are_told() {
        insta::assert_snapshot!(
            [("{{rule", false), ("a {{nonsense}}", false), (r#"{"a": {{rule}}}"#, true), ("{{rule}}", true)]
                .map(|(text, json)| filled(text, json).unwrap_err())
                .join("\n"),
            @r"
        '{{' at position 1 has no '}}'
        '{{nonsense}}' is neither an output field nor one of rule, priority, source, hostname, time, output, color, tags_text, fields_text, tags, fields, json
        with texts filled in it is no JSON: expected value at line 1 column 7
        with texts filled in it is no JSON: EOF while parsing a value at line 1 column 0
        "
        );
    }
}

//! Alerts about Saker itself: Falco's internal alerts, whose names dashboards know, and our own beside them.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::line::{push_printable, push_string, push_utc};
use super::record::Parts;
use crate::config::{Config, Priority};

/// The event source of these alerts.
pub const SOURCE: &str = "internal";

/// An alert that no event made.
#[derive(Clone, PartialEq, Debug)]
pub struct Internal {
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// How severe it is.
    pub priority: Priority,
    /// What stands for the rule.
    pub rule: String,
    /// What is told.
    pub message: String,
    /// The details: numbers, texts, flags.
    pub fields: Map<String, Value>,
}

/// How these alerts are written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InternalForm {
    /// As JSON (`json_output`).
    pub json: bool,
    /// As a record for outputs, with both forms.
    pub recorded: bool,
    /// The host's name.
    pub hostname: String,
}

impl InternalForm {
    /// Lines, in the form that a configuration asks for.
    pub fn of(config: &Config, hostname: &str) -> InternalForm {
        InternalForm { json: config.json_output, recorded: false, hostname: hostname.to_owned() }
    }
}

impl Internal {
    /// An alert of now. Its fields begin with the time: receivers refuse alerts without any.
    pub fn now(priority: Priority, rule: impl Into<String>, message: impl Into<String>) -> Self {
        let time = now();
        let fields = Map::from_iter([("evt.time".to_owned(), time.into())]);
        Internal { time, priority, rule: rule.into(), message: message.into(), fields }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Appends the alert with a newline, byte for byte as Falco writes it.
    pub fn write(&self, form: &InternalForm, out: &mut Vec<u8>) {
        if form.recorded {
            return self.write_record(form, out);
        }
        match form.json {
            true => self.write_json(&form.hostname, out),
            false => self.write_text(out),
        }
        out.push(b'\n');
    }

    fn write_record(&self, form: &InternalForm, out: &mut Vec<u8>) {
        let (mut text, mut json) = (Vec::new(), Vec::new());
        self.write_text(&mut text);
        self.write_json(&form.hostname, &mut json);
        let parts = Parts {
            rule: &self.rule,
            source: SOURCE,
            hostname: &form.hostname,
            priority: self.priority,
            as_json: form.json,
            tags: b"[]",
            time: self.time,
            text: &text,
            json: &json,
            // Numbers, texts and flags can always be written.
            fields: &serde_json::to_vec(&self.fields).unwrap_or_default(),
            ..Parts::default()
        };
        parts.write(out);
    }

    /// Appends the text form, without a newline.
    fn write_text(&self, out: &mut Vec<u8>) {
        let nanoseconds = i128::from(self.time);
        let time = Timestamp::from_nanosecond(nanoseconds).unwrap_or_default().to_zoned(TimeZone::system());
        let mut line = Vec::new();
        // A Vec can always be written to.
        let _ =
            write!(line, "{}: {} {} (", time.strftime("%H:%M:%S.%9f"), self.priority.word(), self.message);
        for (index, (name, value)) in self.fields.iter().enumerate() {
            let _ = write!(line, "{}{name}={value}", if index > 0 { " " } else { "" });
        }
        line.push(b')');
        push_printable(&line, out);
    }

    /// Appends the JSON form, without a newline.
    fn write_json(&self, hostname: &str, out: &mut Vec<u8>) {
        let mut member = |before: &str, text: &str| {
            out.extend_from_slice(before.as_bytes());
            push_string(text.as_bytes(), out);
        };
        member("{\"hostname\":", hostname);
        member(",\"output\":", &self.message);
        // Numbers, texts and flags can always be written.
        out.extend_from_slice(b",\"output_fields\":");
        let _ = serde_json::to_writer(&mut *out, &self.fields);
        let mut member = |before: &str, text: &str| {
            out.extend_from_slice(before.as_bytes());
            push_string(text.as_bytes(), out);
        };
        member(",\"priority\":", self.priority.word());
        member(",\"rule\":", &self.rule);
        member(",\"source\":", SOURCE);
        out.extend_from_slice(b",\"time\":\"");
        push_utc(self.time, out);
        out.extend_from_slice(b"\"}");
    }
}

/// Nanoseconds since the epoch.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: bool) -> String {
        let alert = Internal {
            time: 1_470_327_477_000_000_042,
            priority: Priority::Critical,
            rule: "Falco internal: hot restart failure".to_owned(),
            message: "bad\nfile \u{1b}[31m".to_owned(),
            fields: Map::new(),
        };
        let alert = alert.with("n", 3).with("a", "x\ny");
        let mut out = Vec::new();
        alert.write(&InternalForm { json, recorded: false, hostname: "box".to_owned() }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_alert_is_one_line_whatever_is_in_it() {
        let text = written(false);
        let (_, told) = text.split_once(": ").unwrap();
        assert_eq!(told, "Critical bad\\nfile \\u001b[31m (a=\"x\\ny\" n=3)\n");
        insta::assert_snapshot!(
            written(true),
            @r#"{"hostname":"box","output":"bad\nfile \u001b[31m","output_fields":{"a":"x\ny","n":3},"priority":"Critical","rule":"Falco internal: hot restart failure","source":"internal","time":"2016-08-04T16:17:57.000000042Z"}"#
        );
    }
}

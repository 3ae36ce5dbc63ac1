//! Alerts that no rule raises: what Saker has to say about itself goes the way of all alerts, in the form of Falco's internal
//! ones.

use std::io::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value};

use super::line::{push_printable, push_string, push_utc};
use super::record::{Alert, Parts, RecordError};
use crate::config::{Config, Priority};

/// The event source of these alerts.
const SOURCE: &str = "internal";

/// What there is to say.
#[derive(Clone, Debug)]
pub struct InternalAlert<'i> {
    /// The name that stands for a rule's.
    pub rule: &'i str,
    /// How severe it is.
    pub priority: Priority,
    /// What it says.
    pub message: &'i str,
    /// The figures behind it.
    pub fields: Map<String, Value>,
    /// Nanoseconds since the epoch.
    pub time: u64,
}

impl InternalAlert<'_> {
    /// The alert, in both forms.
    ///
    /// # Errors
    /// If it is too long.
    pub fn alert(&self, config: &Config, hostname: &str) -> Result<Alert, RecordError> {
        let fields = serde_json::to_vec(&self.fields).unwrap_or_default();
        let parts = Parts {
            rule: self.rule,
            source: SOURCE,
            hostname,
            priority: self.priority,
            tags: b"[]",
            time: self.time,
            text: &self.text(config),
            json: &self.json(hostname, &fields),
            fields: &fields,
            ..Parts::default()
        };
        Alert::new(&parts)
    }

    fn text(&self, config: &Config) -> Vec<u8> {
        let mut text = Vec::new();
        if let Ok(time) = Timestamp::from_nanosecond(i128::from(self.time)) {
            // A Vec can always be written to.
            let _ = match config.time_format_iso_8601 {
                true => write!(text, "{}", time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%9f%z")),
                false => write!(text, "{}", time.to_zoned(TimeZone::system()).strftime("%H:%M:%S.%9f")),
            };
        }
        let _ = write!(text, ": {} {} (", self.priority.word(), self.message);
        for (index, (name, value)) in self.fields.iter().enumerate() {
            let blank = if index > 0 { " " } else { "" };
            let _ = match value {
                Value::String(value) => write!(text, "{blank}{name}={value}"),
                value => write!(text, "{blank}{name}={value}"),
            };
        }
        text.push(b')');
        let mut printable = Vec::new();
        push_printable(&text, &mut printable);
        printable
    }

    fn json(&self, hostname: &str, fields: &[u8]) -> Vec<u8> {
        let mut json = b"{\"hostname\":".to_vec();
        push_string(hostname.as_bytes(), &mut json);
        json.extend_from_slice(b",\"output\":");
        push_string(self.message.as_bytes(), &mut json);
        json.extend_from_slice(b",\"output_fields\":");
        json.extend_from_slice(fields);
        json.extend_from_slice(b",\"priority\":");
        push_string(self.priority.word().as_bytes(), &mut json);
        json.extend_from_slice(b",\"rule\":");
        push_string(self.rule.as_bytes(), &mut json);
        json.extend_from_slice(b",\"source\":\"internal\",\"time\":\"");
        push_utc(self.time, &mut json);
        json.extend_from_slice(b"\"}");
        json
    }
}

/// The time now, in nanoseconds since the epoch.
pub(crate) fn now() -> u64 {
    u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_those_of_falco() {
        let fields = [("to".to_owned(), Value::from("b\nc")), ("count".to_owned(), Value::from(3))];
        let alert = InternalAlert {
            rule: "Saker internal: example",
            priority: Priority::Critical,
            message: "Something \"happened\"",
            fields: fields.into_iter().collect(),
            time: 1_470_327_477_000_000_042,
        };
        let config = Config::from_options(&["time_format_iso_8601=true".to_owned()]).unwrap();
        let alert = alert.alert(&config, "box").unwrap();
        insta::assert_snapshot!(
            String::from_utf8_lossy(alert.text()),
            @r#"2016-08-04T16:17:57.000000042+0000: Critical Something "happened" (count=3 to=b\nc)"#
        );
        insta::assert_snapshot!(
            String::from_utf8_lossy(alert.json()),
            @r#"{"hostname":"box","output":"Something \"happened\"","output_fields":{"count":3,"to":"b\nc"},"priority":"Critical","rule":"Saker internal: example","source":"internal","time":"2016-08-04T16:17:57.000000042Z"}"#
        );
    }
}

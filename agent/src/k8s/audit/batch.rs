//! What arrives to events: an `EventList`, an `Event`, or a list of either, as JSON.

use jiff::Timestamp;

use super::json::Json;

/// How much is taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most bytes of an event, written without blanks (`maxEventSize`).
    pub event: usize,
    /// The most bytes of a body or of a line (`webhookMaxBatchSize`).
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { event: 256 << 10, batch: 12 << 20 }
    }
}

/// An event of the API server.
#[derive(Clone, PartialEq, Debug)]
pub struct AuditEvent {
    /// When the request reached this stage, in nanoseconds since the epoch (`stageTimestamp`).
    pub time: u64,
    /// The event.
    pub document: Json,
}

/// The events of one body or line.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Batch {
    /// Those that can be used.
    pub events: Vec<AuditEvent>,
    /// Why others could not.
    pub refused: Vec<Refused>,
}

/// Why something is not taken in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It is no JSON.
    #[error("not JSON: {0}")]
    Malformed(String),
    /// It is JSON of another kind.
    #[error("neither an Event nor an EventList of audit.k8s.io")]
    Unknown,
    /// An event does not say when it was.
    #[error("an event without a usable 'stageTimestamp'")]
    Untimed,
    /// A line is longer than the limit.
    #[error("a line of {size} bytes, more than webhookMaxBatchSize ({limit})")]
    LongLine {
        /// Its bytes.
        size: usize,
        /// The most bytes of a line.
        limit: usize,
    },
    /// An event is longer than the limit.
    #[error("an event of {size} bytes, more than maxEventSize ({limit})")]
    TooLarge {
        /// Its bytes.
        size: usize,
        /// The most bytes of an event.
        limit: usize,
    },
}

impl Batch {
    /// Takes a text apart.
    ///
    /// # Errors
    /// If nothing in it can be told apart. Events that are wrong by themselves are in [`Batch::refused`].
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Batch, Refused> {
        let json = serde_json::from_slice(text).map_err(|error| Refused::Malformed(error.to_string()))?;
        let mut batch = Batch::default();
        batch.take(json, limits)?;
        Ok(batch)
    }

    fn take(&mut self, json: Json, limits: &Limits) -> Result<(), Refused> {
        if let Json::List(values) = json {
            return values.into_iter().try_for_each(|value| self.take(value, limits));
        }
        match json.get("kind").and_then(Json::text) {
            Some("Event") => self.push(json, limits),
            Some("EventList") => {
                let Json::Map(members) = json else { return Err(Refused::Unknown) };
                let items = members.into_iter().find(|(name, _)| **name == *"items");
                let Some((_, Json::List(items))) = items else { return Err(Refused::Unknown) };
                items.into_iter().for_each(|item| self.push(item, limits));
            }
            _ => return Err(Refused::Unknown),
        }
        Ok(())
    }

    fn push(&mut self, document: Json, limits: &Limits) {
        let time = document.get("stageTimestamp").and_then(Json::text).and_then(time);
        let Some(time) = time else { return self.refused.push(Refused::Untimed) };
        let size = document.size();
        match size > limits.event {
            true => self.refused.push(Refused::TooLarge { size, limit: limits.event }),
            false => self.events.push(AuditEvent { time, document }),
        }
    }
}

/// Nanoseconds since the epoch of a time in RFC 3339.
fn time(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { event: 100, batch: 1000 };

    fn outcome(text: &str) -> String {
        match Batch::parse(text.as_bytes(), &LIMITS) {
            Err(refused) => refused.to_string(),
            Ok(batch) => {
                let times: Vec<u64> = batch.events.iter().map(|event| event.time).collect();
                let refused: Vec<String> = batch.refused.iter().map(Refused::to_string).collect();
                format!("{times:?} {refused:?}")
            }
        }
    }

    #[test]
    fn lists_events_and_lists_of_them_are_taken_apart() {
        let event = |time: &str| format!(r#"{{"kind":"Event","stageTimestamp":"{time}"}}"#);
        let (one, two) = (event("1970-01-01T00:00:01.000002Z"), event("1970-01-01T01:00:02+01:00"));
        for (text, expected) in [
            (one.clone(), "[1000002000] []"),
            (format!("[{one},{two}]"), "[1000002000, 2000000000] []"),
            (format!(r#"{{"items":[{two},{one}],"kind":"EventList"}}"#), "[2000000000, 1000002000] []"),
            (format!(r#"[{{"kind":"EventList","items":[{two}]}},{one}]"#), "[2000000000, 1000002000] []"),
            (r#"{"kind":"EventList","items":[]}"#.to_owned(), "[] []"),
        ] {
            assert_eq!(outcome(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_apart() {
        let long = format!(
            r#"{{"kind":"EventList","items":[{{"stageTimestamp":"2026-01-01T00:00:00Z","x":"{}"}},7]}}"#,
            "x".repeat(100)
        );
        let outcomes: Vec<String> = [
            "",
            "{",
            "7",
            "{}",
            r#"{"kind":"EventList"}"#,
            r#"{"kind":"Pod","items":[]}"#,
            r#"{"kind":"Event"}"#,
            r#"{"kind":"Event","stageTimestamp":"yesterday"}"#,
            r#"{"kind":"Event","stageTimestamp":"1969-01-01T00:00:00Z"}"#,
            &long,
        ]
        .iter()
        .map(|text| outcome(text))
        .collect();
        insta::assert_snapshot!(outcomes.join("\n"), @r#"
        not JSON: EOF while parsing a value at line 1 column 0
        not JSON: EOF while parsing an object at line 1 column 1
        neither an Event nor an EventList of audit.k8s.io
        neither an Event nor an EventList of audit.k8s.io
        neither an Event nor an EventList of audit.k8s.io
        neither an Event nor an EventList of audit.k8s.io
        [] ["an event without a usable 'stageTimestamp'"]
        [] ["an event without a usable 'stageTimestamp'"]
        [] ["an event without a usable 'stageTimestamp'"]
        [] ["an event of 148 bytes, more than maxEventSize (100)", "an event without a usable 'stageTimestamp'"]
        "#);
    }
}

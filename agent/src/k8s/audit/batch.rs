//! What arrives to events: an `EventList`, an `Event`, or a list of either, as JSON.

use jiff::Timestamp;
use serde_json::value::RawValue;

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

/// An event of the API server, as text: a document takes many times the room of its text, so there is one at a time.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// When the request reached this stage, in nanoseconds since the epoch (`stageTimestamp`).
    pub time: u64,
    text: Box<RawValue>,
}

impl AuditEvent {
    /// The event.
    ///
    /// # Errors
    /// If it is nested too deep.
    pub fn document(&self) -> Result<Json, Refused> {
        parsed(self.text.get().as_bytes())
    }
}

/// The events of one body or line.
#[derive(Clone, Debug, Default)]
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
        let mut batch = Batch::default();
        batch.take(parsed(text)?, limits, 0)?;
        Ok(batch)
    }

    fn take(&mut self, value: &RawValue, limits: &Limits, depth: usize) -> Result<(), Refused> {
        if value.get().starts_with('[') {
            if depth == MAX_DEPTH {
                return Err(Refused::Unknown);
            }
            let values: Vec<&RawValue> = parsed(value.get().as_bytes())?;
            return values.into_iter().try_for_each(|value| self.take(value, limits, depth + 1));
        }
        // What is no object has neither of these.
        let head: Head<'_> = serde_json::from_str(value.get()).map_err(|_| Refused::Unknown)?;
        match head.kind.and_then(string).as_deref() {
            Some("Event") => self.push(value, Some(head), limits),
            Some("EventList") => {
                let items: Option<Vec<&RawValue>> =
                    head.items.and_then(|items| serde_json::from_str(items.get()).ok());
                for item in items.ok_or(Refused::Unknown)? {
                    self.push(item, serde_json::from_str(item.get()).ok(), limits);
                }
            }
            _ => return Err(Refused::Unknown),
        }
        Ok(())
    }

    /// Takes an event, whose head is `None` if it is no object.
    fn push(&mut self, text: &RawValue, head: Option<Head<'_>>, limits: &Limits) {
        let time = head.and_then(|head| string(head.time?)).and_then(|text| time(&text));
        let Some(time) = time else { return self.refused.push(Refused::Untimed) };
        match size(text, limits.event) {
            size if size > limits.event => self.refused.push(Refused::TooLarge { size, limit: limits.event }),
            _ => self.events.push(AuditEvent { time, text: text.to_owned() }),
        }
    }
}

/// How deep lists of lists may be nested.
const MAX_DEPTH: usize = 4;

/// What tells texts apart.
#[derive(serde::Deserialize)]
struct Head<'t> {
    #[serde(borrow)]
    kind: Option<&'t RawValue>,
    #[serde(borrow)]
    items: Option<&'t RawValue>,
    #[serde(borrow, rename = "stageTimestamp")]
    time: Option<&'t RawValue>,
}

fn parsed<'t, T: serde::Deserialize<'t>>(text: &'t [u8]) -> Result<T, Refused> {
    serde_json::from_slice(text).map_err(|error| Refused::Malformed(error.to_string()))
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// How many bytes a value takes without blanks; only counted where blanks may decide.
fn size(text: &RawValue, limit: usize) -> usize {
    let size = text.get().len();
    if size <= limit {
        return size;
    }
    let (mut blanks, mut quoted, mut escaped) = (0, false, false);
    for byte in text.get().bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b' ' | b'\n' | b'\r' | b'\t' if !quoted => blanks += 1,
            _ => {}
        }
    }
    size - blanks
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
            (format!("{{ {}{}", " ".repeat(300), &one[1..]), "[1000002000] []"),
        ] {
            assert_eq!(outcome(&text), expected, "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
        assert!(Batch::parse(deep("[", "]").as_bytes(), &LIMITS).is_err());
        let text =
            format!(r#"{{"kind":"Event","stageTimestamp":"2026-01-01T00:00:00Z","x":{}}}"#, deep("[", "]"));
        let limits = Limits { event: 1 << 20, batch: 1 << 20 };
        let batch = Batch::parse(text.as_bytes(), &limits).unwrap();
        assert!(matches!(batch.events[0].document(), Err(Refused::Malformed(_))));
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

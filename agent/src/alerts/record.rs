//! An alert as it travels from the rules to the outputs: one run of bytes with all that some output may want of it. Workers
//! append it to their lines, the spool keeps it as it is, outputs read its parts where they lie.

use std::io;
use std::ops::Range;

use crate::config::Priority;

/// The form of a record; another one is refused, as from a spool of another version.
const FORM: u8 = 1;
/// Length, form, priority, whether it is printed as JSON, time.
const HEAD: usize = 4 + 1 + 1 + 1 + 8;
/// The texts of a record, in their order. Each follows its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Rule,
    Source,
    Hostname,
    Tags,
    Text,
    Json,
    Fields,
    RollupKey,
    LimitKey,
}

const PARTS: usize = 9;

/// What a record is made of. What no output wants stays empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts<'p> {
    /// The rule's name.
    pub rule: &'p str,
    /// The rule's event source.
    pub source: &'p str,
    /// The host's name.
    pub hostname: &'p str,
    /// How severe it is.
    pub priority: Priority,
    /// The JSON form is the one to be printed.
    pub as_json: bool,
    /// The rule's tags as a JSON array.
    pub tags: &'p [u8],
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// The text line, without its newline.
    pub text: &'p [u8],
    /// The JSON line, without its newline.
    pub json: &'p [u8],
    /// The output fields as a JSON object.
    pub fields: &'p [u8],
    /// The values by which repeated alerts are known.
    pub rollup_key: &'p [u8],
    /// The values by which alerts are counted against a limit.
    pub limit_key: &'p [u8],
}

impl Parts<'_> {
    /// Appends the record.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.push(FORM);
        out.push(self.priority as u8);
        out.push(self.as_json.into());
        out.extend_from_slice(&self.time.to_le_bytes());
        let parts: [&[u8]; PARTS] = [
            self.rule.as_bytes(),
            self.source.as_bytes(),
            self.hostname.as_bytes(),
            self.tags,
            self.text,
            self.json,
            self.fields,
            self.rollup_key,
            self.limit_key,
        ];
        for part in parts {
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
            out.extend_from_slice(part);
        }
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// A record that is no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// It ends too soon, or has bytes left over.
    #[error("an alert is cut short")]
    Length,
    /// It is of another form.
    #[error("an alert is of the unknown form {0}")]
    Form(u8),
    /// A value cannot be.
    #[error("an alert's {0} is damaged")]
    Value(&'static str),
}

/// An alert on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    bytes: Box<[u8]>,
    parts: [Range<u32>; PARTS],
}

impl Alert {
    /// Takes an alert from its parts.
    pub fn new(parts: &Parts<'_>) -> Result<Alert, RecordError> {
        let mut bytes = Vec::new();
        parts.write(&mut bytes);
        Alert::read(&bytes).map(|(alert, _)| alert)
    }

    /// Reads the record at the beginning of `bytes`, and what comes after it.
    pub fn read(bytes: &[u8]) -> Result<(Alert, &[u8]), RecordError> {
        let length = number(bytes, 0).ok_or(RecordError::Length)? as usize;
        let end = length.checked_add(4).ok_or(RecordError::Length)?;
        let record = bytes.get(..end).filter(|record| record.len() >= HEAD).ok_or(RecordError::Length)?;
        if record[4] != FORM {
            return Err(RecordError::Form(record[4]));
        }
        if usize::from(record[5]) >= Priority::ALL.len() {
            return Err(RecordError::Value("priority"));
        }
        let mut parts: [Range<u32>; PARTS] = Default::default();
        let mut at = HEAD;
        for part in &mut parts {
            let length = number(record, at).ok_or(RecordError::Length)? as usize;
            let begin = at + 4;
            at = begin.checked_add(length).filter(|end| *end <= record.len()).ok_or(RecordError::Length)?;
            *part = begin as u32..at as u32;
        }
        if at != record.len() {
            return Err(RecordError::Length);
        }
        let alert = Alert { bytes: record.into(), parts };
        for (part, name) in [(Part::Rule, "rule"), (Part::Source, "source"), (Part::Hostname, "host name")] {
            std::str::from_utf8(alert.part(part)).map_err(|_| RecordError::Value(name))?;
        }
        Ok((alert, &bytes[end..]))
    }

    /// Reads all records of `bytes`, and hands each to `each`.
    ///
    /// # Errors
    /// What `each` said, or what is wrong with a record.
    pub fn read_all(mut bytes: &[u8], mut each: impl FnMut(Alert) -> io::Result<()>) -> io::Result<()> {
        while !bytes.is_empty() {
            let (alert, rest) = Alert::read(bytes).map_err(io::Error::other)?;
            each(alert)?;
            bytes = rest;
        }
        Ok(())
    }

    fn part(&self, part: Part) -> &[u8] {
        let Range { start, end } = self.parts[part as usize];
        &self.bytes[start as usize..end as usize]
    }

    fn name(&self, part: Part) -> &str {
        // It was looked at when the record was read.
        std::str::from_utf8(self.part(part)).unwrap_or_default()
    }

    /// The whole record.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The rule's name.
    pub fn rule(&self) -> &str {
        self.name(Part::Rule)
    }

    /// The rule's event source.
    pub fn source(&self) -> &str {
        self.name(Part::Source)
    }

    /// The host's name.
    pub fn hostname(&self) -> &str {
        self.name(Part::Hostname)
    }

    /// How severe it is.
    pub fn priority(&self) -> Priority {
        Priority::ALL.get(usize::from(self.bytes[5])).copied().unwrap_or_default()
    }

    /// The rule's tags as a JSON array.
    pub fn tags(&self) -> &[u8] {
        self.part(Part::Tags)
    }

    /// When the event was, in nanoseconds since the epoch.
    pub fn time(&self) -> u64 {
        let mut time = [0; 8];
        time.copy_from_slice(&self.bytes[7..HEAD]);
        u64::from_le_bytes(time)
    }

    /// Whether the line is the JSON form.
    pub fn is_json(&self) -> bool {
        self.bytes[6] != 0
    }

    /// The line that is printed, without its newline.
    pub fn line(&self) -> &[u8] {
        if self.is_json() { self.json() } else { self.text() }
    }

    /// The text line, without its newline.
    pub fn text(&self) -> &[u8] {
        self.part(Part::Text)
    }

    /// The JSON line, without its newline; empty if no output wanted it.
    pub fn json(&self) -> &[u8] {
        self.part(Part::Json)
    }

    /// The output fields as a JSON object; empty if no output wanted them.
    pub fn fields(&self) -> &[u8] {
        self.part(Part::Fields)
    }

    /// The output fields, parsed. What is no object has none.
    pub fn parsed_fields(&self) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_slice(self.fields()).unwrap_or_default()
    }

    /// The values by which repeated alerts are known.
    pub fn rollup_key(&self) -> &[u8] {
        self.part(Part::RollupKey)
    }

    /// The values by which alerts are counted against a limit.
    pub fn limit_key(&self) -> &[u8] {
        self.part(Part::LimitKey)
    }

    /// The same parts, to be changed and put together again.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            rule: self.rule(),
            source: self.source(),
            hostname: self.hostname(),
            priority: self.priority(),
            as_json: self.is_json(),
            tags: self.tags(),
            time: self.time(),
            text: self.text(),
            json: self.json(),
            fields: self.fields(),
            rollup_key: self.rollup_key(),
            limit_key: self.limit_key(),
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts<'static> {
        Parts {
            rule: "A \"rule\"",
            source: "syscall",
            hostname: "box",
            priority: Priority::Warning,
            as_json: true,
            tags: br#"["a","b"]"#,
            time: 1_470_327_477_000_000_042,
            text: b"text \xff",
            json: b"{}",
            fields: br#"{"proc.name":"sh"}"#,
            rollup_key: b"k",
            limit_key: b"",
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        parts().write(&mut bytes);
        Parts { rule: "second", ..Parts::default() }.write(&mut bytes);
        let mut read = Vec::new();
        Alert::read_all(&bytes, |alert| {
            read.push(alert);
            Ok(())
        })
        .unwrap();
        let [first, second] = &read[..] else { panic!("{} alerts", read.len()) };
        assert_eq!((first.rule(), first.source(), first.hostname()), ("A \"rule\"", "syscall", "box"));
        assert_eq!((first.priority(), first.time()), (Priority::Warning, 1_470_327_477_000_000_042));
        assert!(first.line() == b"{}" && second.line().is_empty());
        assert_eq!((first.text(), first.tags()), (&b"text \xff"[..], &br#"["a","b"]"#[..]));
        assert_eq!((first.rollup_key(), first.limit_key()), (&b"k"[..], &b""[..]));
        assert_eq!(first.parsed_fields()["proc.name"], "sh");
        assert_eq!((second.rule(), second.priority()), ("second", Priority::Debug));
        assert_eq!(Alert::new(&first.parts()).as_ref(), Ok(first));
    }

    #[test]
    fn damage_is_an_error_wherever_it_is() {
        let mut bytes = Vec::new();
        parts().write(&mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(Alert::read(&bytes[..length]).unwrap_err(), RecordError::Length, "{length}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                // Whatever it is taken for, its parts are within it.
                if let Ok((alert, _)) = Alert::read(&damaged) {
                    let _ = (alert.parts(), alert.parsed_fields());
                }
            }
        }
        assert_eq!(
            Alert::read(&[&bytes[..4], &[9], &bytes[5..]].concat()).unwrap_err(),
            RecordError::Form(9)
        );
    }
}

//! What the agent and the process of a plugin say to each other: one request, one reply.
//!
//! ```text
//! frame: length u32 (little-endian) | message (postcard)
//! ```
//!
//! The agent does not trust the process: a length has a limit before it is believed, and what does not decode ends the
//! process. All that a message can hold is in these types; none of them nests without end.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::info::Info;

/// The most bytes of a frame. What is decoded of one takes less than twenty times as much.
pub const MAX_FRAME: usize = 16 << 20;

/// What the agent asks for.
#[derive(PartialEq, Debug, Serialize, Deserialize)]
pub enum Request<'m> {
    /// Load the library and say what it is. The plugin is not initialised.
    Load(&'m str),
    /// Initialise the plugin.
    Init(&'m str),
    /// Say what the source can be opened with.
    OpenParams,
    /// Begin with the events of a source.
    Begin {
        /// The source.
        source: &'m str,
        /// The number that its events carry.
        id: u32,
        /// What the plugin opens its source with, if it is the one that has it.
        open: Option<&'m str>,
    },
    /// From now on extract these.
    Ask(Asked),
    /// The next events of the source, with what was asked for.
    Next,
    /// What was asked for, of events of another plugin.
    #[serde(borrow)]
    Extract(Vec<Bytes<'m>>),
    /// Say which types of events the plugin takes.
    Types,
    /// Parse these system calls, each with its number. There is no answer; what is lost stands in the next batch.
    #[serde(borrow)]
    Parse(Vec<(u64, Bytes<'m>)>),
    /// What was asked for, of a system call.
    Values {
        /// Its number.
        number: u64,
        /// The event.
        #[serde(borrow)]
        event: Bytes<'m>,
    },
    /// What the plugin counts itself.
    Metrics,
    /// End.
    Close,
}

/// What is to be extracted from each event.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// The fields.
    pub fields: Vec<AskedField>,
    /// The plugin's own summary of the event.
    pub summary: bool,
    /// The event itself, for other plugins.
    pub raw: bool,
}

/// A field with its argument.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct AskedField {
    /// Its place in the plugin's list of fields.
    pub field: u32,
    /// Its argument.
    pub argument: AskedArgument,
}

/// The argument of a field.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum AskedArgument {
    /// None.
    None,
    /// A number.
    Index(u64),
    /// A text.
    Key(Vec<u8>),
}

/// What the process answers.
#[derive(PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply<'m> {
    /// The library is loaded; this it is.
    Loaded(Box<Info>),
    /// What the source can be opened with: values and what they mean.
    OpenParams(Vec<(String, String)>),
    /// It is done.
    Done,
    /// Which types of events the plugin takes.
    Types(Types),
    /// Events, or values of events that were sent.
    #[serde(borrow)]
    Batch(Batch<'m>),
    /// What the plugin counts itself.
    Metrics(Vec<Metric>),
    /// It cannot be done.
    Failed(&'m str),
}

/// Which types of events a plugin takes; all where there is none.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Types {
    /// It extracts fields from.
    pub extract: Vec<u16>,
    /// It parses.
    pub parse: Vec<u16>,
}

/// A number that a plugin counts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Whether it only grows.
    pub monotonic: bool,
    /// The number.
    pub value: f64,
}

/// Events of a source.
#[derive(PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Batch<'m> {
    /// The events in their order; of another plugin's, one for each that was sent, and after them asynchronous ones.
    #[serde(borrow)]
    pub events: Vec<Told<'m>>,
    /// Whether there will be more.
    pub then: Then,
    /// What was lost since the last batch.
    pub losses: Losses,
}

/// What comes after a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Then {
    /// More.
    #[default]
    More,
    /// The plugin has nothing just now.
    Idle,
    /// Nothing any more.
    End,
}

/// What a process had to leave out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Losses {
    /// Events that are none.
    pub malformed: u64,
    /// Values that the plugin could not extract, or that are too large.
    pub values: u64,
    /// Events that the plugin could not parse.
    pub unparsed: u64,
    /// Asynchronous events for which there was no room, or that are none.
    pub asynchronous: u64,
}

/// An event with what was asked for.
#[derive(PartialEq, Debug, Serialize, Deserialize)]
pub struct Told<'m> {
    /// When it was, in nanoseconds since the epoch.
    pub time: u64,
    /// The name of an asynchronous event.
    #[serde(borrow)]
    pub asynchronous: Option<Bytes<'m>>,
    /// The values that are not null, each with the place of its field among those that were asked for.
    #[serde(borrow)]
    pub values: Vec<(u32, Values<'m>)>,
    /// The plugin's own summary.
    #[serde(borrow)]
    pub summary: Option<Bytes<'m>>,
    /// The event itself.
    #[serde(borrow)]
    pub raw: Option<Bytes<'m>>,
}

/// The value of a field.
#[derive(PartialEq, Debug, Serialize, Deserialize)]
pub enum Values<'m> {
    /// One.
    One(#[serde(borrow)] Value<'m>),
    /// Of a list.
    List(#[serde(borrow)] Vec<Value<'m>>),
}

/// One value.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Value<'m> {
    /// A number, also a time.
    Number(u64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(#[serde(borrow)] Bytes<'m>),
    /// An address, also that of a network.
    Address(std::net::IpAddr),
}

/// Bytes of the message itself.
pub type Bytes<'m> = &'m serde_bytes::Bytes;

impl Told<'_> {
    /// About how many bytes it takes in a frame, at least.
    pub fn size(&self) -> usize {
        let value = |value: &Value<'_>| match value {
            Value::Text(text) => text.len() + 6,
            _ => 18,
        };
        let values = self.values.iter().map(|(_, values)| match values {
            Values::One(one) => value(one) + 6,
            Values::List(all) => all.iter().map(value).sum::<usize>() + 11,
        });
        let bytes =
            [self.asynchronous, self.summary, self.raw].into_iter().flatten().map(|bytes| bytes.len() + 6);
        values.chain(bytes).sum::<usize>() + 32
    }
}

/// What went wrong between the two.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The other end is gone or cannot be heard.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A frame is longer than one may be.
    #[error("a message of {0} bytes, more than {MAX_FRAME}")]
    TooLong(usize),
    /// A message makes no sense.
    #[error("a message that makes no sense: {0}")]
    Message(#[from] postcard::Error),
}

/// A message as a frame.
///
/// # Errors
/// If it is too long for one.
pub fn frame(message: &impl Serialize) -> Result<Vec<u8>, ProtocolError> {
    let mut bytes = postcard::to_extend(message, vec![0; 4])?;
    let length = bytes.len() - 4;
    if length > MAX_FRAME {
        return Err(ProtocolError::TooLong(length));
    }
    // It is less than MAX_FRAME.
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(bytes)
}

/// Sends a message.
///
/// # Errors
/// If it is too long, or the other end is gone.
pub fn send(out: &mut impl Write, message: &impl Serialize) -> Result<(), ProtocolError> {
    Ok(out.write_all(&frame(message)?)?)
}

/// Reads the bytes of a message into a buffer.
///
/// # Errors
/// If it is too long, or the other end is gone.
pub fn receive(from: &mut impl Read, buffer: &mut Vec<u8>) -> Result<(), ProtocolError> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(ProtocolError::TooLong(length));
    }
    buffer.clear();
    // What is announced need not come: room is made for what does.
    let read = from.take(length as u64).read_to_end(buffer)?;
    match read == length {
        true => Ok(()),
        false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

/// A message of its bytes.
///
/// # Errors
/// If it makes no sense.
pub fn decode<'m, T: Deserialize<'m>>(bytes: &'m [u8]) -> Result<T, ProtocolError> {
    match postcard::take_from_bytes(bytes)? {
        (message, []) => Ok(message),
        _ => Err(postcard::Error::DeserializeBadEncoding.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Reply<'static> {
        let bytes = serde_bytes::Bytes::new;
        Reply::Batch(Batch {
            events: vec![Told {
                time: 7,
                asynchronous: Some(bytes(b"tick")),
                values: vec![
                    (1, Values::One(Value::Text(bytes(b"\xffx")))),
                    (
                        2,
                        Values::List(vec![
                            Value::Number(1),
                            Value::Bool(true),
                            Value::Address([1, 2, 3, 4].into()),
                        ]),
                    ),
                ],
                summary: Some(bytes(b"s")),
                raw: None,
            }],
            then: Then::Idle,
            losses: Losses { values: 3, ..Losses::default() },
        })
    }

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let sent = frame(&batch()).unwrap();
        let mut buffer = Vec::new();
        receive(&mut &sent[..], &mut buffer).unwrap();
        assert_eq!(decode::<Reply<'_>>(&buffer).unwrap(), batch());
    }

    #[test]
    fn any_bytes_end_in_a_message_or_an_error() {
        let sent = frame(&batch()).unwrap();
        for length in 0..sent.len() {
            let (mut buffer, mut rest) = (Vec::new(), &sent[..length]);
            assert!(receive(&mut rest, &mut buffer).is_err(), "{length}");
        }
        for at in 4..sent.len() {
            for value in 0..=255 {
                let mut bytes = sent[4..].to_vec();
                bytes[at - 4] = value;
                let _ = decode::<Reply<'_>>(&bytes);
            }
        }
        let long = (MAX_FRAME as u32 + 1).to_le_bytes();
        let refused = receive(&mut &long[..], &mut Vec::new());
        assert!(matches!(refused, Err(ProtocolError::TooLong(_))));
    }
}

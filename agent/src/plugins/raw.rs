//! An event as plugins make and read it: a header, the lengths of the parameters, the parameters.
//!
//! ```text
//! time u64 | thread u64 | length u32 | type u16 | parameters u32 | lengths * parameters | data
//! ```
//!
//! Lengths are u32 in the events that plugins make, and in those of system calls that can be large; else u16.

use crate::event::{EventFlags, EventId, id};

/// The bytes of the header.
pub const HEADER: usize = 26;

/// The most bytes of an event.
pub const MAX_EVENT: usize = 4 << 20;

/// The most parameters of any event: those that a plugin makes have two or three.
const MAX_PARAMS: usize = 32;

/// No time, or no thread, was given.
const NONE: u64 = u64::MAX;

/// An event of its own memory, whose header and lengths make sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawEvent(Vec<u8>);

/// What is wrong with an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RawError {
    /// Its lengths do not fit.
    #[error("its lengths do not fit")]
    Lengths,
    /// It is too large.
    #[error("it has {0} bytes, more than {MAX_EVENT}")]
    TooLarge(usize),
    /// It is of another kind.
    #[error("it is of type {0}, which plugins do not make")]
    Kind(u16),
    /// It carries the number of another plugin.
    #[error("it carries the plugin id {found}, expected {expected}")]
    PluginId {
        /// What it carries.
        found: u32,
        /// The plugin's.
        expected: u32,
    },
}

impl RawEvent {
    /// An event that a plugin made for its source: of that plugin, with a time.
    ///
    /// # Errors
    /// If it is none.
    pub fn of_source(bytes: Vec<u8>, plugin: u32, now: u64) -> Result<RawEvent, RawError> {
        let mut event = RawEvent::checked(bytes)?;
        if event.kind() != id::PLUGINEVENT_E {
            return Err(RawError::Kind(event.kind().0));
        }
        let found = event.param(0).and_then(|param| param.first_chunk()).copied();
        let (Some(found), Some(_)) = (found, event.param(1)) else { return Err(RawError::Lengths) };
        let found = u32::from_le_bytes(found);
        if found != 0 && found != plugin {
            return Err(RawError::PluginId { found, expected: plugin });
        }
        event.complete(plugin, now);
        // An event that no thread made.
        event.put(8, &NONE.to_le_bytes());
        Ok(event)
    }

    /// An asynchronous event, which is put between those of a plugin.
    ///
    /// # Errors
    /// If it is none.
    pub fn asynchronous(bytes: Vec<u8>, plugin: u32, now: u64) -> Result<RawEvent, RawError> {
        let mut event = RawEvent::checked(bytes)?;
        if event.kind() != id::ASYNCEVENT_E {
            return Err(RawError::Kind(event.kind().0));
        }
        if event.param(0).is_none_or(|param| param.len() != 4) || event.param(2).is_none() {
            return Err(RawError::Lengths);
        }
        event.complete(plugin, now);
        Ok(event)
    }

    /// An event of a plugin that a capture holds.
    pub fn recorded(time: u64, plugin: u32, data: &[u8]) -> RawEvent {
        let length = HEADER + 8 + 4 + data.len();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(time.to_le_bytes());
        bytes.extend(NONE.to_le_bytes());
        // A capture's events are shorter than 4 GiB.
        bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(id::PLUGINEVENT_E.0.to_le_bytes());
        bytes.extend(2u32.to_le_bytes());
        bytes.extend(4u32.to_le_bytes());
        bytes.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(plugin.to_le_bytes());
        bytes.extend(data);
        RawEvent(bytes)
    }

    /// An event whose lengths were checked.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn checked(bytes: Vec<u8>) -> Result<RawEvent, RawError> {
        if bytes.len() > MAX_EVENT {
            return Err(RawError::TooLarge(bytes.len()));
        }
        if bytes.len() < HEADER {
            return Err(RawError::Lengths);
        }
        let event = RawEvent(bytes);
        let count = event.u32(22) as usize;
        let large = event.kind().info().is_none_or(|info| info.flags.contains(EventFlags::LARGE_PAYLOAD));
        let width = if large { 4 } else { 2 };
        let length = |index: usize| match large {
            true => event.u32(HEADER + width * index) as usize,
            false => event.u16(HEADER + width * index).into(),
        };
        let lengths = (0..count.min(MAX_PARAMS)).map(length);
        let whole = lengths.fold(HEADER + width * count.min(MAX_PARAMS), usize::saturating_add);
        let announced = event.u32(16) as usize;
        if count > MAX_PARAMS || whole > event.0.len() || announced != event.0.len() {
            return Err(RawError::Lengths);
        }
        Ok(event)
    }

    /// All its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// When it was, in nanoseconds since the epoch.
    pub fn time(&self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Its type.
    pub fn kind(&self) -> EventId {
        EventId(self.u16(20))
    }

    /// The bytes of a parameter.
    pub fn param(&self, index: usize) -> Option<&[u8]> {
        param(&self.0, index)
    }

    /// The name of an asynchronous event, without the byte that ends it.
    pub fn name(&self) -> &[u8] {
        let name = self.param(1).unwrap_or_default();
        name.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn complete(&mut self, plugin: u32, now: u64) {
        if self.time() == NONE {
            self.put(0, &now.to_le_bytes());
        }
        let params = self.u32(22) as usize;
        self.put(HEADER + 4 * params, &plugin.to_le_bytes());
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn u16(&self, at: usize) -> u16 {
        let bytes = self.0.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    }

    fn u32(&self, at: usize) -> u32 {
        u32_at(&self.0, at)
    }
}

/// The bytes of a parameter of an event that was not checked.
pub fn param(event: &[u8], index: usize) -> Option<&[u8]> {
    let count = u32_at(event, 22) as usize;
    if index >= count || index >= MAX_PARAMS {
        return None;
    }
    let lengths = (0..index).map(|at| u32_at(event, HEADER + 4 * at) as usize);
    let start = lengths.fold(HEADER.checked_add(count.checked_mul(4)?)?, usize::saturating_add);
    let length = u32_at(event, HEADER + 4 * index) as usize;
    event.get(start..start.checked_add(length)?)
}

fn u32_at(event: &[u8], at: usize) -> u32 {
    let bytes = event.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::scap::encode;
    use crate::event::{Event, ParamsBuf};

    #[test]
    fn an_event_of_a_source_gets_time_and_plugin() {
        let made = RawEvent::recorded(NONE, 0, b"hello");
        let event = RawEvent::of_source(made.bytes().to_vec(), 7, 42).unwrap();
        assert_eq!(
            (event.time(), event.param(0), event.param(1)),
            (42, Some(&[7, 0, 0, 0][..]), Some(&b"hello"[..]))
        );
        assert_eq!(event.param(2), None);
        let other = RawEvent::recorded(5, 8, b"");
        let refused = RawEvent::of_source(other.bytes().to_vec(), 7, 42);
        assert_eq!(refused, Err(RawError::PluginId { found: 8, expected: 7 }));
        let refused = RawEvent::asynchronous(other.bytes().to_vec(), 7, 42);
        assert_eq!(refused, Err(RawError::Kind(322)));
    }

    #[test]
    fn a_system_call_is_an_event_too() {
        let params = ParamsBuf::of(&[&3i64.to_le_bytes(), b"/etc/passwd\0", b""]);
        for (id, width) in [(id::SYSCALL_OPEN_X, 2), (id::SYSCALL_EXECVEAT_X, 2), (id::CONTAINER_JSON_2_E, 4)]
        {
            let mut bytes = Vec::new();
            encode(&Event::new(1, 7, 42, 0, id, 0, params.params()), &mut bytes).unwrap();
            assert_eq!(bytes.len(), HEADER + 3 * width + 20);
            let event = RawEvent::checked(bytes.clone()).unwrap();
            assert_eq!((event.time(), event.kind()), (7, id));
            for length in 0..bytes.len() {
                assert!(RawEvent::checked(bytes[..length].to_vec()).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn whatever_the_bytes_are_nothing_beyond_them_is_read() {
        let whole = RawEvent::recorded(1, 7, b"payload").bytes().to_vec();
        for length in 0..whole.len() {
            assert!(RawEvent::of_source(whole[..length].to_vec(), 7, 0).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            for bits in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= bits;
                // Only that it ends: some of these are events.
                if let Ok(event) = RawEvent::of_source(bytes.clone(), 7, 0) {
                    let _ = (event.param(0), event.param(1), event.param(usize::MAX));
                }
                let _ = (param(&bytes, 1), param(&bytes, 31));
                let _ = RawEvent::asynchronous(bytes, 7, 0).map(|event| event.name().len());
            }
        }
    }
}

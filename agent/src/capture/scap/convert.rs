//! Lifts events of older schema versions to the current one by the rows of [`convert_table`](super::convert_table), so that
//! nobody behind the reader meets an old event or the entry of a call that carries its parameters at exit.

use rustc_hash::FxHashMap;

use super::convert_table::{Action, Step, action};
use crate::event::{Direction, EVENT_COUNT, EVENTS, EventFlags, EventId, MAX_PARAMS, ParamType, Params};

/// Threads whose entries are kept. Far above what runs at once on a machine; beyond it the entries of threads that are not
/// in a call are forgotten.
const MAX_THREADS: usize = 64 * 1024;
/// Bytes of entries kept.
const MAX_STORED: usize = 64 << 20;
/// The longest chain is nine rows.
const MAX_STEPS: usize = 32;

/// What to do with an event before looking at its parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// It is current.
    Current,
    /// It is current if it has that many parameters.
    CurrentWith(u8),
    /// It must be converted.
    Old,
    /// The entry of a call that tells nothing.
    Dropped,
}

static CLASSES: [Class; EVENT_COUNT] = {
    let mut classes = [Class::Current; EVENT_COUNT];
    let mut index = 0;
    while index < EVENT_COUNT {
        let row = &EVENTS[index];
        let enter = matches!(row.direction, Direction::Enter);
        let old = row.flags.contains(EventFlags::OLD_VERSION);
        classes[index] = if row.flags.contains(EventFlags::CONVERTER_MANAGED) {
            if enter || old { Class::Old } else { Class::CurrentWith(row.params.len() as u8) }
        } else if old && enter {
            Class::Dropped
        } else {
            Class::Current
        };
        index += 1;
    }
    classes
};

/// The class of an event.
#[inline]
pub(super) fn class(id: EventId) -> Class {
    CLASSES.get(usize::from(id.0)).copied().unwrap_or(Class::Dropped)
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It is delivered as it was.
    AsIs,
    /// [`Converter::converted`] is delivered in its place.
    Converted,
    /// It is not delivered.
    Dropped,
}

/// Counts what could not be converted properly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Losses {
    /// Events with a number of parameters that no version ever had; dropped.
    pub(super) unknown_versions: u64,
    /// Exits for which the stored entry was of another call; converted without it.
    pub(super) mismatched: u64,
    /// Entries forgotten because there were too many.
    pub(super) forgotten: u64,
}

/// Converts, and keeps the entries of calls until their exit.
pub(super) struct Converter {
    entries: FxHashMap<u64, Entry>,
    stored: usize,
    result: Record,
    spare: Record,
    pub(super) losses: Losses,
}

/// An event put together here.
#[derive(Default)]
pub(super) struct Record {
    id: u16,
    data: Vec<u8>,
    ends: [u32; MAX_PARAMS],
    count: usize,
}

/// The last entry of a thread. It stays, dead, after its call has ended, so that its memory is used again.
#[derive(Default)]
struct Entry {
    live: bool,
    record: Record,
}

impl Record {
    pub(super) fn id(&self) -> EventId {
        EventId(self.id)
    }

    pub(super) fn params(&self) -> Params<'_> {
        Params::from_ends(&self.data, self.ends, self.count)
    }

    fn clear(&mut self, id: EventId) {
        self.id = id.0;
        self.data.clear();
        self.count = 0;
    }

    fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.close();
    }

    /// Makes a parameter of the bytes since the last.
    fn close(&mut self) {
        if let Some(end) = self.ends.get_mut(self.count) {
            *end = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
            self.count += 1;
        }
    }

    fn copy(&mut self, id: EventId, params: &Params<'_>) {
        self.clear(id);
        (0..params.len()).filter_map(|index| params.get(index)).for_each(|value| self.push(value));
    }

    /// The type of the next parameter.
    fn next_type(&self) -> Option<ParamType> {
        Some(self.id().info()?.params.get(self.count)?.ty)
    }
}

impl Converter {
    pub(super) fn new() -> Self {
        Converter {
            entries: FxHashMap::default(),
            stored: 0,
            result: Record::default(),
            spare: Record::default(),
            losses: Losses::default(),
        }
    }

    /// The event that [`Outcome::Converted`] means.
    pub(super) fn converted(&self) -> &Record {
        &self.result
    }

    /// Forgets the entries: another machine's events begin.
    pub(super) fn reset(&mut self) {
        self.entries.clear();
        self.stored = 0;
    }

    /// Converts an event of [`Class::Old`], or of [`Class::CurrentWith`] another number of parameters.
    pub(super) fn convert(&mut self, id: EventId, tid: u64, params: &Params<'_>) -> Outcome {
        let Some(mut next) = action(id, params.len()) else { return self.unknown(id, params) };
        let Some((to, steps)) = target(id, next) else {
            return match next {
                Action::Store => self.store(tid, id, params, Outcome::Dropped),
                Action::StoreAndPass => self.store(tid, id, params, Outcome::AsIs),
                _ => Outcome::AsIs,
            };
        };
        let mut result = std::mem::take(&mut self.result);
        let mut spare = std::mem::take(&mut self.spare);
        self.apply(id, tid, params, matches!(next, Action::Append(_)), to, steps, &mut result);
        let mut outcome = Outcome::Converted;
        for _ in 0..MAX_STEPS {
            let id = result.id();
            match class(id) {
                Class::Current => break,
                Class::CurrentWith(count) if usize::from(count) == result.count => break,
                Class::Dropped => {
                    outcome = Outcome::Dropped;
                    break;
                }
                Class::CurrentWith(_) | Class::Old => {}
            }
            match action(id, result.count) {
                Some(action) => next = action,
                None => {
                    outcome = self.unknown(id, &result.params());
                    break;
                }
            }
            if let Some((to, steps)) = target(id, next) {
                std::mem::swap(&mut result, &mut spare);
                let append = matches!(next, Action::Append(_));
                self.apply(id, tid, &spare.params(), append, to, steps, &mut result);
                continue;
            }
            if let Action::Store | Action::StoreAndPass = next {
                self.store(tid, id, &result.params(), outcome);
                if let Action::Store = next {
                    outcome = Outcome::Dropped;
                }
            }
            break;
        }
        (self.result, self.spare) = (result, spare);
        outcome
    }

    /// An event that no version had in this form: an exit in its current version is understood as far as it goes.
    fn unknown(&mut self, id: EventId, params: &Params<'_>) -> Outcome {
        match class(id) {
            Class::CurrentWith(count) if params.len() > usize::from(count) => Outcome::AsIs,
            _ => {
                self.losses.unknown_versions += 1;
                Outcome::Dropped
            }
        }
    }

    fn store(&mut self, tid: u64, id: EventId, params: &Params<'_>, outcome: Outcome) -> Outcome {
        if (self.entries.len() >= MAX_THREADS && !self.entries.contains_key(&tid)) || self.stored > MAX_STORED
        {
            self.make_room();
        }
        let entry = self.entries.entry(tid).or_default();
        let before = entry.record.data.capacity();
        entry.live = true;
        entry.record.copy(id, params);
        self.stored += entry.record.data.capacity() - before;
        outcome
    }

    #[cold]
    fn make_room(&mut self) {
        self.entries.retain(|_, entry| entry.live);
        self.stored = self.entries.values().map(|entry| entry.record.data.capacity()).sum();
        if self.entries.len() >= MAX_THREADS || self.stored > MAX_STORED {
            self.losses.forgotten += self.entries.len() as u64;
            self.reset();
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn apply(
        &mut self,
        id: EventId,
        tid: u64,
        params: &Params<'_>,
        append: bool,
        to: EventId,
        steps: &[Step],
        out: &mut Record,
    ) {
        out.clear(to);
        if append {
            out.copy(to, params);
        }
        let needs_entry = steps.iter().any(|step| matches!(step, Step::Enter(..) | Step::EnterOrEmpty(..)));
        let mut entry =
            if needs_entry { self.entries.get_mut(&tid).filter(|entry| entry.live) } else { None };
        if entry.as_ref().is_some_and(|entry| entry.record.id.checked_add(1) != Some(id.0)) {
            self.losses.mismatched += 1;
            entry = None;
        }
        let stored = entry.as_ref().map(|entry| entry.record.params());
        for step in steps {
            match *step {
                Step::Old(from, to) => {
                    (from..=to).for_each(|index| take(out, params.get(usize::from(index))))
                }
                Step::Enter(from, to) => (from..=to).for_each(|index| match &stored {
                    Some(stored) => take(out, stored.get(usize::from(index))),
                    None => default_value(out),
                }),
                Step::EnterOrEmpty(from, to) => (from..=to).for_each(|index| {
                    take(out, stored.as_ref().and_then(|stored| stored.get(usize::from(index))));
                }),
                Step::Empty(count) => (0..count).for_each(|_| out.close()),
                Step::Default(count) => (0..count).for_each(|_| default_value(out)),
                Step::ContainerJson => container_json(out, params),
            }
        }
        if let Some(entry) = entry {
            entry.live = false;
        }
    }
}

/// The event and the steps of an action that makes an event.
fn target(id: EventId, action: &'static Action) -> Option<(EventId, &'static [Step])> {
    match action {
        Action::Append(steps) => Some((id, steps)),
        Action::Become(to, steps) => Some((*to, steps)),
        Action::Store | Action::Pass | Action::StoreAndPass => None,
    }
}

/// Adds a parameter that another event has; a number that was wider is cut.
fn take(out: &mut Record, value: Option<&[u8]>) {
    let value = value.unwrap_or_default();
    let width = out.next_type().and_then(width).unwrap_or(value.len());
    out.push(&value[..value.len().min(width)]);
}

/// Adds what stands for "was not recorded": 0, an unset id, an address of no family.
fn default_value(out: &mut Record) {
    const ZERO: [u8; 8] = [0; 8];
    match out.next_type() {
        Some(ParamType::Uid | ParamType::Gid) => out.push(&u32::MAX.to_le_bytes()),
        Some(ParamType::SockAddr) => out.push(&ZERO[..1]),
        Some(ty) => out.push(&ZERO[..width(ty).unwrap_or(0).min(8)]),
        None => out.close(),
    }
}

/// Bytes of a type that always has the same number of them.
fn width(ty: ParamType) -> Option<usize> {
    Some(match ty {
        ParamType::UInt8 | ParamType::Flags8 | ParamType::EnumFlags8 | ParamType::SigType => 1,
        ParamType::Int16
        | ParamType::UInt16
        | ParamType::Flags16
        | ParamType::EnumFlags16
        | ParamType::SyscallId
        | ParamType::Port => 2,
        ParamType::Int32
        | ParamType::UInt32
        | ParamType::Flags32
        | ParamType::EnumFlags32
        | ParamType::Uid
        | ParamType::Gid
        | ParamType::Mode
        | ParamType::SigSet
        | ParamType::Fd32
        | ParamType::Pid32
        | ParamType::Ipv4Addr => 4,
        ParamType::Int64
        | ParamType::UInt64
        | ParamType::RelTime
        | ParamType::AbsTime
        | ParamType::Errno
        | ParamType::Fd
        | ParamType::Pid => 8,
        ParamType::Ipv6Addr => 16,
        ParamType::ByteBuf
        | ParamType::CharBuf
        | ParamType::CharBufArray
        | ParamType::CharBufPairArray
        | ParamType::Dyn
        | ParamType::FdList
        | ParamType::FsPath
        | ParamType::FsRelPath
        | ParamType::SockAddr
        | ParamType::SockTuple => return None,
    })
}

/// The container event once had four parameters: id, type, name, image.
fn container_json(out: &mut Record, params: &Params<'_>) {
    let text = |out: &mut Record, index: usize| {
        let value = params.get(index).unwrap_or_default();
        let value = memchr::memchr(0, value).map_or(value, |end| &value[..end]);
        for &byte in value {
            match byte {
                b'"' | b'\\' => out.data.extend_from_slice(&[b'\\', byte]),
                0..0x20 => out.data.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => out.data.push(byte),
            }
        }
    };
    let kind = params.get(1).and_then(|kind| kind.try_into().ok()).map_or(0, u32::from_le_bytes);
    out.data.extend_from_slice(b"{\"id\":\"");
    text(out, 0);
    out.data.extend_from_slice(format!("\",\"type\":{kind},\"name\":\"").as_bytes());
    text(out, 2);
    out.data.extend_from_slice(b"\",\"image\":\"");
    text(out, 3);
    out.push(b"\"}\0");
}

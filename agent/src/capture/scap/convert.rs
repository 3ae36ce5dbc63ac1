//! Lifts events of older schema versions to the current one by the rows of [`convert_table`](super::convert_table), so that
//! nobody behind the reader meets an old event or the entry of a call that carries its parameters at exit.

use rustc_hash::FxHashMap;

use super::convert_table::{Action, Step, action};
use crate::event::{Direction, EVENT_COUNT, EVENTS, EventFlags, EventId, ParamType, Params, ParamsBuf};

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
    /// Its id is newer than the table.
    Unknown,
}

impl Class {
    /// Whether an event with `count` parameters is delivered as it is.
    #[inline]
    pub(super) fn is_current(self, count: usize) -> bool {
        match self {
            Class::Current => true,
            Class::CurrentWith(params) => usize::from(params) == count,
            Class::Old | Class::Dropped | Class::Unknown => false,
        }
    }
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
    CLASSES.get(usize::from(id.0)).copied().unwrap_or(Class::Unknown)
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
    entries: Entries,
    result: Record,
    spare: Record,
    pub(super) losses: Losses,
}

/// The entries of calls that have not ended, by thread.
#[derive(Default)]
struct Entries {
    threads: FxHashMap<u64, Entry>,
    /// Bytes of memory that they hold.
    stored: usize,
}

/// An event put together here.
#[derive(Default)]
pub(super) struct Record {
    id: u16,
    params: ParamsBuf,
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
        self.params.params()
    }

    fn clear(&mut self, id: EventId) {
        self.id = id.0;
        self.params.clear();
    }

    fn copy(&mut self, id: EventId, params: &Params<'_>) {
        self.id = id.0;
        self.params.copy(params);
    }

    /// The type of the next parameter.
    fn next_type(&self) -> Option<ParamType> {
        Some(self.id().info()?.params.get(self.params.len())?.ty)
    }
}

impl Converter {
    pub(super) fn new() -> Self {
        Converter {
            entries: Entries::default(),
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
        self.entries = Entries::default();
    }

    /// Converts an event of [`Class::Old`], or of [`Class::CurrentWith`] another number of parameters.
    pub(super) fn convert(&mut self, id: EventId, tid: u64, params: &Params<'_>) -> Outcome {
        let Some(next) = action(id, params.len()) else { return self.unknown(id, params.len()) };
        let Some(lift) = Lift::of(id, next) else {
            if let Action::Store | Action::StoreAndPass = next {
                self.entries.store(tid, id, params, &mut self.losses);
            }
            return if let Action::Store = next { Outcome::Dropped } else { Outcome::AsIs };
        };
        self.entries.apply(lift, tid, params, &mut self.result, &mut self.losses);
        for _ in 0..MAX_STEPS {
            let id = self.result.id();
            let class = class(id);
            if class.is_current(self.result.params.len()) {
                return Outcome::Converted;
            }
            if matches!(class, Class::Dropped | Class::Unknown) {
                return Outcome::Dropped;
            }
            let Some(next) = action(id, self.result.params.len()) else {
                return self.unknown(id, self.result.params.len());
            };
            let Some(lift) = Lift::of(id, next) else {
                if let Action::Store | Action::StoreAndPass = next {
                    self.entries.store(tid, id, &self.result.params(), &mut self.losses);
                }
                return if let Action::Store = next { Outcome::Dropped } else { Outcome::Converted };
            };
            std::mem::swap(&mut self.result, &mut self.spare);
            self.entries.apply(lift, tid, &self.spare.params(), &mut self.result, &mut self.losses);
        }
        Outcome::Converted
    }

    /// An event that no version had in this form: an exit in its current version is understood as far as it goes.
    fn unknown(&mut self, id: EventId, count: usize) -> Outcome {
        match class(id) {
            Class::CurrentWith(current) if count > usize::from(current) => Outcome::AsIs,
            _ => {
                self.losses.unknown_versions += 1;
                Outcome::Dropped
            }
        }
    }
}

impl Entries {
    fn store(&mut self, tid: u64, id: EventId, params: &Params<'_>, losses: &mut Losses) {
        let new = !self.threads.contains_key(&tid);
        if (new && self.threads.len() >= MAX_THREADS) || self.stored > MAX_STORED {
            self.make_room(losses);
        }
        let entry = self.threads.entry(tid).or_default();
        let before = entry.record.params.capacity();
        entry.live = true;
        entry.record.copy(id, params);
        self.stored += entry.record.params.capacity() - before;
    }

    #[cold]
    fn make_room(&mut self, losses: &mut Losses) {
        self.threads.retain(|_, entry| entry.live);
        self.stored = self.threads.values().map(|entry| entry.record.params.capacity()).sum();
        if self.threads.len() >= MAX_THREADS || self.stored > MAX_STORED {
            losses.forgotten += self.threads.len() as u64;
            *self = Entries::default();
        }
    }

    /// Puts the lifted event into `out`.
    fn apply(&mut self, lift: Lift, tid: u64, params: &Params<'_>, out: &mut Record, losses: &mut Losses) {
        if lift.append {
            out.copy(lift.to, params);
        } else {
            out.clear(lift.to);
        }
        let needs_entry =
            lift.steps.iter().any(|step| matches!(step, Step::Enter(..) | Step::EnterOrEmpty(..)));
        let mut entry =
            if needs_entry { self.threads.get_mut(&tid).filter(|entry| entry.live) } else { None };
        if entry.as_ref().is_some_and(|entry| entry.record.id.checked_add(1) != Some(lift.from.0)) {
            losses.mismatched += 1;
            entry = None;
        }
        let stored = entry.as_ref().map(|entry| entry.record.params());
        for step in lift.steps {
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
                Step::Empty(count) => (0..count).for_each(|_| out.params.close()),
                Step::Default(count) => (0..count).for_each(|_| default_value(out)),
                Step::ContainerJson => container_json(out, params),
            }
        }
        if let Some(entry) = entry {
            entry.live = false;
        }
    }
}

/// An action that makes an event.
#[derive(Clone, Copy)]
struct Lift {
    from: EventId,
    to: EventId,
    /// The parameters that the event has stay in front.
    append: bool,
    steps: &'static [Step],
}

impl Lift {
    fn of(from: EventId, action: &'static Action) -> Option<Self> {
        match *action {
            Action::Append(steps) => Some(Lift { from, to: from, append: true, steps }),
            Action::Become(to, steps) => Some(Lift { from, to, append: false, steps }),
            Action::Store | Action::Pass | Action::StoreAndPass => None,
        }
    }
}

/// Adds a parameter that another event has; a number that was wider is cut.
fn take(out: &mut Record, value: Option<&[u8]>) {
    let value = value.unwrap_or_default();
    let width = out.next_type().and_then(ParamType::width).unwrap_or(value.len());
    out.params.push(&value[..value.len().min(width)]);
}

/// Adds what stands for "was not recorded": 0, an unset id, an address of no family.
fn default_value(out: &mut Record) {
    const ZERO: [u8; 8] = [0; 8];
    match out.next_type() {
        Some(ParamType::Uid | ParamType::Gid) => out.params.push(&u32::MAX.to_le_bytes()),
        Some(ParamType::SockAddr) => out.params.push(&ZERO[..1]),
        Some(ty) => out.params.push(&ZERO[..ty.width().unwrap_or(0).min(8)]),
        None => out.params.close(),
    }
}

/// The container event once had four parameters: id, type, name, image.
fn container_json(out: &mut Record, params: &Params<'_>) {
    let text = |out: &mut Record, index: usize| {
        let value = params.get(index).unwrap_or_default();
        let value = memchr::memchr(0, value).map_or(value, |end| &value[..end]);
        for &byte in value {
            match byte {
                b'"' | b'\\' => out.params.extend(&[b'\\', byte]),
                0..0x20 => out.params.extend(format!("\\u{byte:04x}").as_bytes()),
                _ => out.params.extend(&[byte]),
            }
        }
    };
    let kind = params.get(1).and_then(|kind| kind.try_into().ok()).map_or(0, u32::from_le_bytes);
    out.params.extend(b"{\"id\":\"");
    text(out, 0);
    out.params.extend(format!("\",\"type\":{kind},\"name\":\"").as_bytes());
    text(out, 2);
    out.params.extend(b"\",\"image\":\"");
    text(out, 3);
    out.params.push(b"\"}\0");
}

//! Reads a capture from its first block to its last: tables into a [`Snapshot`], event blocks into [`Event`]s of the current
//! schema, numbered as Falco numbers them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::block::{BYTE_ORDER, Block, EventBlock, MAJOR, SECTION};
use super::convert::{Class, Converter, Outcome, class};
use super::error::{ScapError, ScapErrorKind};
use super::input::Input;
use super::tables::{Body, Tables};
use crate::capture::snapshot::Snapshot;
use crate::event::{EVENTS, Event, EventFlags, EventId, EventInfo, Params, id};

/// Type and total length.
const HEAD: usize = 8;
/// The total length again.
const TRAILER: usize = 4;
/// The event block of a kind that is not `*_LARGE` is no longer than this, as libscap has it.
const MAX_BLOCK: u32 = 64 * 1024 + HEAD as u32;
/// A `*_LARGE` block beyond this is taken for damage. The largest that anything writes is a plugin's event of 64 KiB or a
/// container's description of a few MiB.
const MAX_LARGE_BLOCK: u32 = 256 << 20;

/// Counts of what was read, and of what was not delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReaderStats {
    /// Blocks of events.
    pub event_blocks: u64,
    /// Events delivered; the number of the last one.
    pub events: u64,
    /// Entries of calls whose parameters came with the exit, or that had none.
    pub merged: u64,
    /// Events whose id is newer than the table.
    pub unknown_events: u64,
    /// Blocks of an unknown type.
    pub unknown_blocks: u64,
    /// Old events with a number of parameters that no version had.
    pub unknown_versions: u64,
    /// Exits that met the entry of another call.
    pub mismatched_entries: u64,
    /// Entries of calls that were forgotten because too many threads were inside one.
    pub forgotten_entries: u64,
    /// Processes, descriptors, users … of the tables that were beyond the memory set aside for them.
    pub dropped_records: u64,
}

/// Reads a capture file.
///
/// A capture has one section or, when several were put together, more. Each begins with what was running:
///
/// ```no_run
/// # fn main() -> Result<(), saker::capture::scap::ScapError> {
/// let mut reader = saker::capture::scap::ScapReader::open("capture.scap".as_ref())?;
/// while let Some(snapshot) = reader.next_section()? {
///     println!("{} threads", snapshot.processes.len());
///     while let Some(event) = reader.next()? {
///         println!("{} {}", event.num, event.info().name);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct ScapReader {
    input: Input,
    converter: Converter,
    stats: ReaderStats,
    /// Met while tables were read: reported after the snapshot of what came before it.
    pending: Option<ScapError>,
    begun: bool,
}

/// A block head that fits.
#[derive(Clone, Copy)]
struct Head {
    offset: u64,
    block: u32,
    length: u32,
}

/// Where an event lies in the window.
struct Found {
    ts: u64,
    tid: u64,
    cpu: u16,
    flags: u32,
    id: u16,
    converted: bool,
    lengths: Lengths,
}

/// The parameters of an event in the window.
#[derive(Clone, Copy)]
struct Lengths {
    /// Where the array of lengths starts.
    at: usize,
    /// Number of lengths that we understand.
    count: usize,
    /// Bytes of a length: 4 in events with large payloads, else 2.
    size: usize,
    /// Where the values start and the event ends.
    data: usize,
    end: usize,
}

impl ScapReader {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, ScapError> {
        if path.as_os_str() == "-" {
            return ScapReader::new(std::io::stdin());
        }
        match File::open(path) {
            Ok(file) => ScapReader::new(file),
            Err(error) => Err(ScapError { offset: 0, compressed: false, kind: error.into() }),
        }
    }

    /// Reads from anything. Does its own buffering.
    pub fn new(source: impl Read + Send + 'static) -> Result<Self, ScapError> {
        let mut input = Input::new(Box::new(source))?;
        if !input.ensure(HEAD) {
            let missing = (HEAD - input.available().len()) as u64;
            return Err(input.cut_off(0, missing));
        }
        let first = u32_at(input.available(), 0);
        if first != SECTION {
            return Err(input.error(0, ScapErrorKind::NotScap(first)));
        }
        Ok(ScapReader {
            input,
            converter: Converter::new(),
            stats: ReaderStats::default(),
            pending: None,
            begun: false,
        })
    }

    /// What has been counted so far.
    pub fn stats(&self) -> ReaderStats {
        let losses = self.converter.losses;
        ReaderStats {
            unknown_versions: losses.unknown_versions,
            mismatched_entries: losses.mismatched,
            forgotten_entries: losses.forgotten,
            ..self.stats
        }
    }

    /// How many bytes of the uncompressed capture have been read.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Reads the tables that come next; `None` at the end of the capture. To be called first, and again whenever
    /// [`ScapReader::next`] gives `None`.
    ///
    /// If the tables are damaged, what was read before the damage is returned and the next call of either function fails.
    pub fn next_section(&mut self) -> Result<Option<Snapshot>, ScapError> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        let Some(first) = self.peek()? else { return Ok(None) };
        let fresh = Block::of(first.block) == Block::Section;
        if fresh {
            self.converter.reset();
        } else if self.begun && matches!(Block::of(first.block), Block::Event(_)) {
            // The caller skipped the events of the section before.
            while self.next()?.is_some() {}
            return self.next_section();
        }
        self.begun = true;
        let mut tables = Tables::new(fresh);
        if let Err(error) = self.read_tables(&mut tables) {
            self.pending = Some(error);
        }
        self.stats.dropped_records += tables.dropped;
        Ok(Some(tables.snapshot))
    }

    /// The next event; `None` at the end of the section.
    #[allow(clippy::should_implement_trait)] // An iterator cannot lend.
    pub fn next(&mut self) -> Result<Option<Event<'_>>, ScapError> {
        let Some(found) = self.find()? else { return Ok(None) };
        self.stats.events += 1;
        let (id, params) = if found.converted {
            let record = self.converter.converted();
            (record.id(), record.params())
        } else {
            (EventId(found.id), params(self.input.window(), found.lengths))
        };
        Ok(Some(Event::new(
            self.stats.events,
            found.ts,
            found.tid as i64,
            found.cpu,
            id,
            found.flags,
            params,
        )))
    }

    /// Passes over blocks until one holds an event that is delivered.
    fn find(&mut self) -> Result<Option<Found>, ScapError> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        loop {
            let Some(head) = self.peek()? else { return Ok(None) };
            let kind = match Block::of(head.block) {
                Block::Event(kind) => kind,
                Block::Unknown => {
                    self.skip_unknown(head)?;
                    continue;
                }
                // Another section, or more tables.
                _ => return Ok(None),
            };
            let found = self.event(head, kind)?;
            self.stats.event_blocks += 1;
            if usize::from(found.id) >= EVENTS.len() {
                self.stats.unknown_events += 1;
                continue;
            }
            let id = EventId(found.id);
            match class(id) {
                Class::Current => return Ok(Some(found)),
                Class::CurrentWith(count) if found.lengths.count == usize::from(count) => {
                    return Ok(Some(found));
                }
                Class::Dropped => self.stats.merged += 1,
                Class::CurrentWith(_) | Class::Old => {
                    let unknown = self.converter.losses.unknown_versions;
                    let params = params(self.input.window(), found.lengths);
                    match self.converter.convert(id, found.tid, &params) {
                        Outcome::AsIs => return Ok(Some(found)),
                        Outcome::Converted => return Ok(Some(Found { converted: true, ..found })),
                        Outcome::Dropped => {
                            self.stats.merged += u64::from(unknown == self.converter.losses.unknown_versions);
                        }
                    }
                }
            }
        }
    }

    /// The head of the next block, which stays the next.
    #[inline]
    fn peek(&mut self) -> Result<Option<Head>, ScapError> {
        let offset = self.input.offset();
        if !self.input.ensure(HEAD) {
            let rest = self.input.available().len();
            if rest == 0 && !self.input.failed() {
                return Ok(None);
            }
            return Err(self.input.cut_off(offset, (HEAD - rest) as u64));
        }
        let bytes = self.input.available();
        let head = Head { offset, block: u32_at(bytes, 0), length: u32_at(bytes, 4) };
        if (head.length as usize) < HEAD + TRAILER {
            return Err(self.bad_length(head));
        }
        Ok(Some(head))
    }

    #[cold]
    fn bad_length(&self, head: Head) -> ScapError {
        let kind = ScapErrorKind::BlockLength { block: head.block, length: head.length };
        self.input.error(head.offset, kind)
    }

    #[cold]
    fn bad_event(&self, head: Head, event: u16, what: &'static str) -> ScapError {
        self.input.error(head.offset, ScapErrorKind::Event { event, what })
    }

    #[cold]
    fn bad_trailer(&self, head: Head, trailer: u32) -> ScapError {
        let kind = ScapErrorKind::Trailer { block: head.block, length: head.length, trailer };
        self.input.error(head.offset, kind)
    }

    #[cold]
    fn skip_unknown(&mut self, head: Head) -> Result<(), ScapError> {
        self.stats.unknown_blocks += 1;
        self.input.consume(HEAD);
        self.skip(head, u64::from(head.length) - (HEAD + TRAILER) as u64)?;
        self.trailer(head)
    }

    fn skip(&mut self, head: Head, count: u64) -> Result<(), ScapError> {
        let before = self.input.offset();
        if self.input.skip(count) {
            return Ok(());
        }
        let missing = count - (self.input.offset() - before);
        Err(self.input.cut_off(head.offset, missing))
    }

    /// Reads and checks the length at the end of a block.
    fn trailer(&mut self, head: Head) -> Result<(), ScapError> {
        if !self.input.ensure(TRAILER) {
            let missing = (TRAILER - self.input.available().len()) as u64;
            return Err(self.input.cut_off(head.offset, missing));
        }
        let trailer = u32_at(self.input.available(), 0);
        if trailer != head.length {
            return Err(self.bad_trailer(head, trailer));
        }
        self.input.consume(TRAILER);
        Ok(())
    }

    /// Reads blocks up to the next event or section.
    fn read_tables(&mut self, tables: &mut Tables) -> Result<(), ScapError> {
        let mut first = true;
        while let Some(head) = self.peek()? {
            let block = Block::of(head.block);
            match block {
                Block::Event(_) => break,
                Block::Section if !first => break,
                Block::Unknown => {
                    self.skip_unknown(head)?;
                    continue;
                }
                _ => first = false,
            }
            self.input.consume(HEAD);
            let length = u64::from(head.length) - (HEAD + TRAILER) as u64;
            if block == Block::Section {
                self.section(head, length)?;
            } else {
                let table = match block {
                    Block::Machine => "machine",
                    Block::Processes { .. } => "process",
                    Block::Fds { .. } => "descriptor",
                    Block::Interfaces { .. } => "interface",
                    _ => "user",
                };
                let mut body = Body::new(&mut self.input, table, head.offset, length);
                match block {
                    Block::Machine => tables.machine(&mut body)?,
                    Block::Processes { version } => tables.processes(&mut body, version)?,
                    Block::Fds { sized } => tables.fds(&mut body, sized)?,
                    Block::Interfaces { sized } => tables.interfaces(&mut body, sized)?,
                    Block::Users { sized } => tables.users(&mut body, sized)?,
                    Block::Section | Block::Event(_) | Block::Unknown => {}
                }
                body.finish()?;
            }
            self.trailer(head)?;
        }
        Ok(())
    }

    /// Checks a section header: byte order mark, version, and a length that nobody uses.
    fn section(&mut self, head: Head, length: u64) -> Result<(), ScapError> {
        const BODY: usize = 16;
        if length < BODY as u64 {
            return Err(self.bad_length(head));
        }
        if !self.input.ensure(BODY) {
            let missing = (BODY - self.input.available().len()) as u64;
            return Err(self.input.cut_off(head.offset, missing));
        }
        let bytes = self.input.available();
        let order = u32_at(bytes, 0);
        let (major, minor) = (u16_at(bytes, 4), u16_at(bytes, 6));
        if order != BYTE_ORDER {
            return Err(self.input.error(head.offset, ScapErrorKind::ByteOrder(order)));
        }
        if major > MAJOR {
            return Err(self.input.error(head.offset, ScapErrorKind::Version { major, minor }));
        }
        self.skip(head, length)
    }

    /// Finds the event of a block and passes over the block; the window keeps it until the next block is asked for.
    #[inline]
    fn event(&mut self, head: Head, kind: EventBlock) -> Result<Found, ScapError> {
        let prefix = if kind.flags { 6 } else { 2 };
        let header = if kind.counted { 26 } else { 22 };
        let most = if kind.large { MAX_LARGE_BLOCK } else { MAX_BLOCK };
        let length = head.length as usize;
        if length < HEAD + prefix + header + TRAILER || head.length > most {
            return Err(self.bad_length(head));
        }
        if !self.input.ensure(length) {
            let missing = (length - self.input.available().len()) as u64;
            return Err(self.input.cut_off(head.offset, missing));
        }
        let start = self.input.position();
        let window = self.input.window();
        let block = &window[start..start + length];
        let trailer = u32_at(block, length - TRAILER);
        let event = &block[HEAD + prefix..length - TRAILER];
        let size = u32_at(event, 16) as usize;
        let id = u16_at(event, 20);
        let found = Found {
            ts: u64_at(event, 0),
            tid: u64_at(event, 8),
            cpu: u16_at(block, HEAD),
            flags: if kind.flags { u32_at(block, HEAD + 2) } else { 0 },
            id,
            converted: false,
            lengths: Lengths { at: 0, count: 0, size: 2, data: 0, end: 0 },
        };
        if trailer != head.length {
            return Err(self.bad_trailer(head, trailer));
        }
        let lengths = match EVENTS.get(usize::from(id)) {
            Some(row) if kind.counted => counted(event, size, row),
            Some(row) => uncounted(event, size, row),
            None => Ok(found.lengths),
        };
        match lengths {
            Ok(mut lengths) => {
                let at = start + HEAD + prefix;
                lengths.at += at;
                lengths.data += at;
                lengths.end += at;
                self.input.consume(length);
                Ok(Found { lengths, ..found })
            }
            Err(what) => Err(self.bad_event(head, id, what)),
        }
    }
}

/// Bounds the parameters of an event whose header counts them. `size` is the length that its header says.
#[inline]
fn counted(event: &[u8], size: usize, row: &EventInfo) -> Result<Lengths, &'static str> {
    const HEADER: usize = 26;
    if size > event.len() {
        return Err("it is longer than its block");
    }
    let claimed = u32_at(event, 22) as usize;
    let width = if row.flags.contains(EventFlags::LARGE_PAYLOAD) { 4 } else { 2 };
    let Some(data) = claimed.checked_mul(width).and_then(|lengths| lengths.checked_add(HEADER)) else {
        return Err("it has an impossible number of parameters");
    };
    if data > size {
        return Err("it is too short for its parameters");
    }
    // A newer writer may append parameters that we do not know.
    let count = claimed.min(row.params.len());
    let lengths = Lengths { at: HEADER, count, size: width, data, end: size };
    if total(event, lengths) > size - data {
        return Err("its parameters are longer than itself");
    }
    Ok(lengths)
}

/// Finds how many parameters an event has whose header does not count them: the number with which the lengths fill
/// the event exactly, tried from the most it can have.
#[cold]
fn uncounted(event: &[u8], size: usize, row: &EventInfo) -> Result<Lengths, &'static str> {
    const HEADER: usize = 22;
    // These two were written with a length that is 3 too large.
    let excess = if row.id == id::NOTIFICATION_E || row.id == id::INFRASTRUCTURE_EVENT_E { 3 } else { 0 };
    let Some(size) = size.checked_sub(excess).filter(|&size| size <= event.len() && size >= HEADER) else {
        return Err("its length does not fit its block");
    };
    for count in (0..=row.params.len()).rev() {
        let data = HEADER + 2 * count;
        if data > size {
            continue;
        }
        let lengths = Lengths { at: HEADER, count, size: 2, data, end: size };
        match total(event, lengths).cmp(&(size - data)) {
            std::cmp::Ordering::Equal => return Ok(lengths),
            std::cmp::Ordering::Less => break,
            std::cmp::Ordering::Greater => {}
        }
    }
    Err("no number of parameters fits its length")
}

/// Bytes that the parameters take.
#[inline]
fn total(event: &[u8], lengths: Lengths) -> usize {
    let array = &event[lengths.at..lengths.at + lengths.count * lengths.size];
    if lengths.size == 2 {
        array.chunks_exact(2).map(|length| usize::from(u16_at(length, 0))).sum()
    } else {
        array.chunks_exact(4).map(|length| u32_at(length, 0) as usize).sum()
    }
}

/// The parameters at `lengths`, which were checked when the event was found.
#[inline]
fn params(window: &[u8], lengths: Lengths) -> Params<'_> {
    let array = &window[lengths.at..lengths.at + lengths.count * lengths.size];
    let data = &window[lengths.data..lengths.end];
    let params = if lengths.size == 2 {
        Params::new(data, array.chunks_exact(2).map(|length| u32::from(u16_at(length, 0))))
    } else {
        Params::new(data, array.chunks_exact(4).map(|length| u32_at(length, 0)))
    };
    params.unwrap_or_default()
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes)
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

#[inline]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

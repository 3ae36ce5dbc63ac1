//! Reads a capture from its first block to its last: tables into a [`Snapshot`], event blocks into [`Event`]s of the current
//! schema, numbered as Falco numbers them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::block::{BYTE_ORDER, Block, EVENT_V2, EventBlock, MAJOR, SECTION};
use super::convert::{Class, Converter, Outcome, class};
use super::error::{ScapError, ScapErrorKind};
use super::input::Input;
use super::layout::{
    COUNTED, Layout, Offsets, UNCOUNTED, counted, lay_out, u16_at, u32_at, u64_at, uncounted,
};
use super::tables::{Body, Tables};
use crate::capture::snapshot::Snapshot;
use crate::event::{EVENTS, Event, EventFlags, EventId, MAX_PARAMS, Params};

/// Type and total length.
const HEAD: usize = 8;
/// The total length again.
const TRAILER: usize = 4;
/// What comes before the lengths of the parameters in the usual block of an event: head, CPU number, the event's header.
const USUAL: usize = HEAD + 2 + COUNTED;
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
    /// Where the parameters of the last event begin and end.
    offsets: Offsets,
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

/// Where an event of the window is.
#[derive(Clone, Copy)]
struct Found {
    ts: u64,
    tid: u64,
    /// Where its parameters start and end.
    data: usize,
    end: usize,
    cpu: u16,
    flags: u32,
    id: u16,
    /// How many of [`ScapReader::offsets`] are its parameters'.
    count: usize,
}

/// What [`ScapReader::any_event`] met.
enum Next {
    Event(Found),
    /// A block without an event, which was passed over.
    Passed,
    /// The section has no more events.
    End,
}

/// What there is to deliver.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    AsIs,
    Converted,
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
            offsets: [0; MAX_PARAMS + 1],
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
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, ScapError> {
        let Some((found, form)) = self.find()? else { return Ok(None) };
        self.stats.events += 1;
        let (id, params) = match form {
            Form::AsIs => (EventId(found.id), params(self.input.window(), &self.offsets, found)),
            Form::Converted => (self.converter.converted().id(), self.converter.converted().params()),
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
    #[inline(always)]
    fn find(&mut self) -> Result<Option<(Found, Form)>, ScapError> {
        if self.pending.is_some() {
            return self.fail();
        }
        loop {
            let found = match self.usual_event() {
                Some(found) => found,
                None => match self.any_event()? {
                    Next::Event(found) => found,
                    Next::Passed => continue,
                    Next::End => return Ok(None),
                },
            };
            self.stats.event_blocks += 1;
            let class = class(EventId(found.id));
            if class.is_current(found.count) {
                return Ok(Some((found, Form::AsIs)));
            }
            match class {
                Class::Dropped => self.stats.merged += 1,
                Class::Unknown => self.stats.unknown_events += 1,
                _ => match self.convert(found) {
                    Outcome::AsIs => return Ok(Some((found, Form::AsIs))),
                    Outcome::Converted => return Ok(Some((found, Form::Converted))),
                    Outcome::Dropped => {}
                },
            }
        }
    }

    #[cold]
    fn fail<T>(&mut self) -> Result<Option<T>, ScapError> {
        self.pending.take().map_or(Ok(None), Err)
    }

    #[inline(never)]
    fn convert(&mut self, found: Found) -> Outcome {
        let unknown = self.converter.losses.unknown_versions;
        let params = params(self.input.window(), &self.offsets, found);
        let outcome = self.converter.convert(EventId(found.id), found.tid, &params);
        if outcome == Outcome::Dropped && unknown == self.converter.losses.unknown_versions {
            self.stats.merged += 1;
        }
        outcome
    }

    /// The head of the next block, which stays the next.
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

    /// The event of the next block, if all of it is at hand, it is of the kind that everything writes, and nothing is wrong
    /// with it. Otherwise nothing has happened, and [`ScapReader::any_event`] finds out what there is.
    #[inline(always)]
    fn usual_event(&mut self) -> Option<Found> {
        let rest = self.input.available();
        let head = rest.first_chunk::<USUAL>()?;
        let length = u32_at(head, 4);
        let block = rest.get(..length as usize)?;
        let (body, trailer) = block.get(USUAL..)?.split_last_chunk::<TRAILER>()?;
        let header = head.last_chunk::<COUNTED>()?;
        let id = u16_at(header, 20);
        let row = EVENTS.get(usize::from(id))?;
        let damaged = u32::from_le_bytes(*trailer) != length || length > MAX_BLOCK;
        if u32_at(head, 0) != EVENT_V2 || damaged || row.flags.contains(EventFlags::LARGE_PAYLOAD) {
            return None;
        }
        let size = u32_at(header, 16) as usize;
        let body = body.get(..size.checked_sub(COUNTED)?)?;
        let claimed = u32_at(header, 22) as usize;
        let (lengths, values) = body.split_at_checked(claimed.checked_mul(2)?)?;
        let known = claimed.min(row.params.len()).min(MAX_PARAMS);
        let lengths = lengths.as_chunks().0.get(..known)?;
        if lay_out(lengths, &mut self.offsets) > values.len() {
            return None;
        }
        let data = self.input.position() + USUAL + 2 * claimed;
        let found = Found {
            ts: u64_at(header, 0),
            tid: u64_at(header, 8),
            data,
            end: data + values.len(),
            cpu: u16_at(head, HEAD),
            flags: 0,
            id,
            count: known,
        };
        self.input.consume(length as usize);
        Some(found)
    }

    /// What the next block is, whatever it is; the end of the capture is none.
    #[inline(never)]
    fn any_event(&mut self) -> Result<Next, ScapError> {
        let Some(head) = self.peek()? else { return Ok(Next::End) };
        match Block::of(head.block) {
            Block::Event(kind) => self.event(head, kind).map(Next::Event),
            Block::Unknown => {
                self.skip_unknown(head)?;
                Ok(Next::Passed)
            }
            // Another section, or more tables.
            _ => Ok(Next::End),
        }
    }

    /// Finds the event of a block and passes over the block; the window keeps it until the next block is asked for.
    fn event(&mut self, head: Head, kind: EventBlock) -> Result<Found, ScapError> {
        let prefix = HEAD + if kind.flags { 6 } else { 2 };
        let header = if kind.counted { COUNTED } else { UNCOUNTED };
        let most = if kind.large { MAX_LARGE_BLOCK } else { MAX_BLOCK };
        let length = head.length as usize;
        if length < prefix + header + TRAILER || head.length > most {
            return Err(self.bad_length(head));
        }
        if !self.input.ensure(length) {
            let missing = (length - self.input.available().len()) as u64;
            return Err(self.input.cut_off(head.offset, missing));
        }
        let start = self.input.position();
        let block = &self.input.window()[start..start + length];
        let event = &block[prefix..length - TRAILER];
        let (Some(header), Some(trailer)) = (event.first_chunk::<UNCOUNTED>(), block.last_chunk::<TRAILER>())
        else {
            return Err(self.bad_length(head));
        };
        let trailer = u32::from_le_bytes(*trailer);
        if trailer != head.length {
            return Err(self.bad_trailer(head, trailer));
        }
        let mut found = Found {
            ts: u64_at(header, 0),
            tid: u64_at(header, 8),
            data: 0,
            end: 0,
            cpu: u16_at(block, HEAD),
            flags: if kind.flags { u32_at(block, HEAD + 2) } else { 0 },
            id: u16_at(header, 20),
            count: 0,
        };
        let size = u32_at(header, 16) as usize;
        let layout = match EVENTS.get(usize::from(found.id)) {
            Some(row) if kind.counted => counted(event, size, row, &mut self.offsets),
            Some(row) => uncounted(event, size, row, &mut self.offsets),
            None => Ok(Layout { data: 0, end: 0, count: 0 }),
        };
        match layout {
            Ok(Layout { data, end, count }) => {
                let at = start + prefix;
                (found.data, found.end, found.count) = (at + data, at + end, count);
                self.input.consume(length);
                Ok(found)
            }
            Err(what) => Err(self.bad_event(head, found.id, what)),
        }
    }
}

/// The parameters of an event in the window.
#[inline]
fn params<'r>(window: &'r [u8], offsets: &'r Offsets, found: Found) -> Params<'r> {
    Params::new(&window[found.data..found.end], &offsets[..=found.count])
}

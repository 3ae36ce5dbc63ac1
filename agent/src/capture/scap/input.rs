//! The bytes of a capture, whether plain or gzip: a window that moves over the uncompressed data.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::error::{ScapError, ScapErrorKind};

/// The window's usual size: large enough that moving the rest of a block to its front costs nothing, small enough for
/// the second-level cache.
const WINDOW: usize = 256 * 1024;
/// How much compressed data is read at once.
const COMPRESSED: usize = 64 * 1024;

/// A moving window over the uncompressed bytes.
pub(super) struct Input {
    source: Source,
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// Place of `window[0]` in the uncompressed data.
    base: u64,
    /// Why there is no more to read; reported only when bytes are asked for that are not there.
    over: Option<Over>,
}

enum Over {
    End,
    Failed(io::Error),
    Gzip(String),
}

enum Source {
    Plain(Box<dyn Read + Send>),
    Gzip(Box<Gunzip>),
}

struct Gunzip {
    source: Box<dyn Read + Send>,
    inflate: Decompress,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Nothing is open: the next bytes must begin a member.
    between: bool,
}

impl Input {
    /// Looks at the first bytes to see whether the data is compressed.
    pub(super) fn new(mut source: Box<dyn Read + Send>) -> Result<Self, ScapError> {
        let mut head = vec![0; COMPRESSED];
        let mut read = 0;
        while read < 2 {
            match source.read(&mut head[read..]) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ScapError { offset: 0, compressed: false, kind: error.into() });
                }
            }
        }
        let mut window = vec![0; WINDOW];
        let (source, end) = if head[..read].starts_with(&[0x1f, 0x8b]) {
            let inflate = Decompress::new_gzip(15);
            (
                Source::Gzip(Box::new(Gunzip {
                    source,
                    inflate,
                    buffer: head,
                    start: 0,
                    end: read,
                    between: false,
                })),
                0,
            )
        } else {
            window[..read].copy_from_slice(&head[..read]);
            (Source::Plain(source), read)
        };
        Ok(Input { source, window, start: 0, end, base: 0, over: None })
    }

    /// Place of the next byte in the uncompressed data.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Whether the data is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self.source, Source::Gzip(_))
    }

    /// The bytes at hand.
    pub(super) fn available(&self) -> &[u8] {
        &self.window[self.start..self.end]
    }

    /// All of the window, for ranges remembered from [`Input::position`].
    pub(super) fn window(&self) -> &[u8] {
        &self.window
    }

    /// Where in the window the next byte is. Valid until more is asked for.
    pub(super) fn position(&self) -> usize {
        self.start
    }

    /// Passes over bytes that [`Input::ensure`] has brought to hand.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start += count;
    }

    /// Brings `count` bytes to hand. `false` if the data ends before; what there is stays at hand.
    #[inline]
    pub(super) fn ensure(&mut self, count: usize) -> bool {
        self.end - self.start >= count || self.fill(count)
    }

    /// The window grows with the bytes that arrive, never with what a length claims.
    #[cold]
    fn fill(&mut self, count: usize) -> bool {
        if self.start > 0 {
            self.window.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        while self.end < count && self.over.is_none() {
            if self.end == self.window.len() {
                self.window.resize(self.window.len() * 2, 0);
            }
            let (read, over) = self.source.read(&mut self.window[self.end..]);
            self.end += read;
            self.over = over;
        }
        self.end >= count
    }

    /// Passes over `count` bytes, at hand or not. `false` if the data ends before.
    pub(super) fn skip(&mut self, mut count: u64) -> bool {
        loop {
            let here = (self.end - self.start).min(usize::try_from(count).unwrap_or(usize::MAX));
            self.start += here;
            count -= here as u64;
            if count == 0 {
                return true;
            }
            if !self.ensure(1) {
                return false;
            }
        }
    }

    /// The error for a block at `offset` that lacks `missing` bytes.
    pub(super) fn cut_off(&mut self, offset: u64, missing: u64) -> ScapError {
        let kind = match self.over.replace(Over::End) {
            Some(Over::Failed(error)) => ScapErrorKind::Io(error),
            Some(Over::Gzip(text)) => ScapErrorKind::Gzip(text),
            Some(Over::End) | None => ScapErrorKind::Truncated { missing },
        };
        self.error(offset, kind)
    }

    /// Whether the data ended because of a failure, which is an error even between blocks.
    pub(super) fn failed(&self) -> bool {
        matches!(self.over, Some(Over::Failed(_) | Over::Gzip(_)))
    }

    /// An error at `offset`.
    pub(super) fn error(&self, offset: u64, kind: ScapErrorKind) -> ScapError {
        ScapError { offset, compressed: self.is_compressed(), kind }
    }
}

impl Source {
    /// Fills some of `out` (not empty); what was read before a failure counts.
    fn read(&mut self, out: &mut [u8]) -> (usize, Option<Over>) {
        match self {
            Source::Plain(source) => match read_some(source, out) {
                Ok(0) => (0, Some(Over::End)),
                Ok(read) => (read, None),
                Err(error) => (0, Some(Over::Failed(error))),
            },
            Source::Gzip(gunzip) => gunzip.read(out),
        }
    }
}

impl Gunzip {
    fn read(&mut self, out: &mut [u8]) -> (usize, Option<Over>) {
        let mut written = 0;
        while written == 0 {
            if self.start == self.end {
                self.start = 0;
                match read_some(&mut self.source, &mut self.buffer) {
                    Ok(0) if self.between => return (0, Some(Over::End)),
                    Ok(0) => return (0, Some(Over::Gzip("it is cut off".to_owned()))),
                    Ok(read) => self.end = read,
                    Err(error) => return (0, Some(Over::Failed(error))),
                }
            }
            let input = &self.buffer[self.start..self.end];
            if self.between {
                // Like gzip, ignore what follows the last member if it does not look like another.
                if input[0] != 0x1f {
                    return (0, Some(Over::End));
                }
                self.inflate = Decompress::new_gzip(15);
                self.between = false;
            }
            let (in_before, out_before) = (self.inflate.total_in(), self.inflate.total_out());
            let result = self.inflate.decompress(input, out, FlushDecompress::None);
            let consumed = (self.inflate.total_in() - in_before) as usize;
            self.start = (self.start + consumed).min(self.end);
            written = (self.inflate.total_out() - out_before) as usize;
            match result {
                Ok(Status::StreamEnd) => self.between = true,
                Ok(_) if consumed == 0 && written == 0 => {
                    return (0, Some(Over::Gzip("it makes no progress".to_owned())));
                }
                Ok(_) => {}
                Err(error) => return (written, Some(Over::Gzip(error.to_string()))),
            }
        }
        (written, None)
    }
}

fn read_some(source: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

//! An output's way through the spool.

use std::io;
use std::sync::Arc;

use super::Spool;
use super::segment::{Found, Segment};
use crate::alerts::Alert;

/// Reads the alerts of a spool in their order.
#[derive(Debug)]
pub struct Reader {
    spool: Arc<Spool>,
    output: String,
    /// The number of the next alert to be read.
    next: u64,
    /// All before it are delivered.
    committed: u64,
    /// Where the next alert is, if it is known.
    place: Option<(Arc<Segment>, u64)>,
    missed: u64,
}

impl Reader {
    pub(super) fn new(spool: Arc<Spool>, output: &str, next: u64) -> Reader {
        Reader { spool, output: output.to_owned(), next, committed: next, place: None, missed: 0 }
    }

    /// The next alert with its number, if there is one.
    pub fn read(&mut self) -> io::Result<Option<(u64, Arc<Alert>)>> {
        loop {
            let (segment, at) = match self.place.take() {
                Some(place) => place,
                None => match self.spool.segment(self.next) {
                    Some(segment) => self.find(segment)?,
                    None => return Ok(None),
                },
            };
            match segment.read(at)? {
                Found::Alert(number, alert, end) => {
                    self.next = number + 1;
                    self.place = Some((segment, end));
                    return Ok(Some((number, Arc::new(alert))));
                }
                Found::End if segment.next() > self.next => self.place = Some((segment, at)),
                // Its end, for now or for good.
                Found::End if self.spool.segment(self.next).is_none() => {
                    self.place = Some((segment, at));
                    return Ok(None);
                }
                Found::End => {}
                // It was whole when it was written: the rest of the segment is lost.
                Found::Damaged => {
                    let next = segment.next().max(self.next + 1);
                    self.missed += next - self.next;
                    self.next = next;
                }
            }
        }
    }

    /// Where the next alert stands in a segment that has it, or comes after it.
    fn find(&mut self, segment: Arc<Segment>) -> io::Result<(Arc<Segment>, u64)> {
        if segment.first() > self.next {
            // What was between went away when the spool was full.
            self.missed += segment.first() - self.next;
            self.next = segment.first();
        }
        let mut at = 0;
        while let Found::Alert(number, _, end) = segment.read(at)? {
            if number >= self.next {
                break;
            }
            at = end;
        }
        Ok((segment, at))
    }

    /// All up to this alert are delivered.
    pub fn commit(&mut self, number: u64) -> io::Result<()> {
        self.committed = self.committed.max(number + 1);
        self.spool.commit(&self.output, self.committed)
    }

    /// Begins again after what is committed.
    pub fn rewind(&mut self) {
        self.next = self.committed;
        self.place = None;
    }

    /// How many alerts wait, those included that were read but not committed.
    pub fn waiting(&self) -> u64 {
        self.spool.next().saturating_sub(self.committed)
    }

    /// How many alerts went away before they could be read, since this was last asked.
    pub fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }
}

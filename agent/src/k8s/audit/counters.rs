//! What came in and what was refused: nothing is left out without a count.

use std::fmt::{self, Display, Formatter};

use super::batch::{Batch, Refused};

/// Counts of events, and of what was refused by the reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Events that rules met.
    pub events: u64,
    /// Bodies or lines that are no JSON.
    pub malformed: u64,
    /// Bodies or lines that are JSON of another kind.
    pub unknown: u64,
    /// Events without a time.
    pub untimed: u64,
    /// Events, lines and bodies beyond the limits.
    pub too_large: u64,
}

impl Counters {
    /// Counts what a body or line came to.
    pub fn count(&mut self, batch: &Result<Batch, Refused>) {
        match batch {
            Err(refused) => self.refuse(refused),
            Ok(batch) => {
                self.events += batch.events.len() as u64;
                batch.refused.iter().for_each(|refused| self.refuse(refused));
            }
        }
    }

    fn refuse(&mut self, refused: &Refused) {
        *match refused {
            Refused::Malformed(_) => &mut self.malformed,
            Refused::Unknown => &mut self.unknown,
            Refused::Untimed => &mut self.untimed,
            Refused::TooLarge { .. } | Refused::LongLine { .. } => &mut self.too_large,
        } += 1;
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Counters) {
        self.events += other.events;
        self.malformed += other.malformed;
        self.unknown += other.unknown;
        self.untimed += other.untimed;
        self.too_large += other.too_large;
    }

    /// All that was refused.
    pub fn refused(&self) -> u64 {
        self.malformed + self.unknown + self.untimed + self.too_large
    }
}

impl Display for Counters {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Audit events: {}, refused: {}", self.events, self.refused())?;
        if self.refused() > 0 {
            let reasons = [
                (self.malformed, "not JSON"),
                (self.unknown, "no audit event"),
                (self.untimed, "without a time"),
                (self.too_large, "too large"),
            ];
            let told: Vec<String> = reasons
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, reason)| format!("{count} {reason}"))
                .collect();
            write!(f, " ({})", told.join(", "))?;
        }
        Ok(())
    }
}

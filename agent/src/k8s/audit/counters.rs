//! What came in and what was refused: nothing is left out without a count.

use std::fmt::{self, Display, Formatter};

use super::batch::Refused;

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
    /// Events and lines beyond the limits.
    pub too_large: u64,
    /// Requests of the webhook.
    pub requests: Requests,
}

/// Requests of a webhook by how they ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Requests {
    /// Taken in.
    pub accepted: u64,
    /// Another path or method, or no JSON by its header.
    pub unfit: u64,
    /// No audit events.
    pub malformed: u64,
    /// Larger than the limit.
    pub too_large: u64,
    /// Not all there in time, or broken off.
    pub incomplete: u64,
    /// No room.
    pub busy: u64,
}

impl Requests {
    /// All that were refused.
    pub fn refused(&self) -> u64 {
        self.unfit + self.malformed + self.too_large + self.incomplete + self.busy
    }
}

impl Counters {
    /// Counts what is not taken in.
    pub fn refuse(&mut self, refused: &Refused) {
        *match refused {
            Refused::Malformed(_) => &mut self.malformed,
            Refused::Unknown => &mut self.unknown,
            Refused::Untimed => &mut self.untimed,
            Refused::TooLarge { .. } | Refused::LongLine { .. } => &mut self.too_large,
        } += 1;
    }

    /// All that was refused.
    pub fn refused(&self) -> u64 {
        self.malformed + self.unknown + self.untimed + self.too_large
    }
}

impl Display for Counters {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Audit events: {}, refused: {}", self.events, self.refused())?;
        reasons(
            f,
            &[
                (self.malformed, "not JSON"),
                (self.unknown, "no audit event"),
                (self.untimed, "without a time"),
                (self.too_large, "too large"),
            ],
        )?;
        if self.requests == Requests::default() {
            return Ok(());
        }
        let requests = &self.requests;
        write!(f, "; requests: {}, refused: {}", requests.accepted, requests.refused())?;
        reasons(
            f,
            &[
                (requests.unfit, "unfit"),
                (requests.malformed, "malformed"),
                (requests.too_large, "too large"),
                (requests.incomplete, "incomplete"),
                (requests.busy, "for want of room"),
            ],
        )
    }
}

/// Appends in brackets the counts that are not 0.
fn reasons(f: &mut Formatter<'_>, counts: &[(u64, &str)]) -> fmt::Result {
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(count, reason)| format!("{count} {reason}")).collect();
    if told.is_empty() { Ok(()) } else { write!(f, " ({})", told.join(", ")) }
}

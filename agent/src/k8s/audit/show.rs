//! Batches of the audit log past the rules of the source.

use super::batch::{AuditEvent, Batch, Refused};
use super::counters::Counters;
use crate::event::{Params, id};
use crate::fields::Origin;
use crate::watch::{Shown, Watch};

/// Shows the events of a batch to the rules, and counts them and what was refused; the lines of the alerts go to `out`.
pub fn show(watch: &mut Watch, batch: &Result<Batch, Refused>, counters: &mut Counters, out: &mut Vec<u8>) {
    let batch = match batch {
        Ok(batch) => batch,
        Err(refused) => return counters.refuse(refused),
    };
    batch.refused.iter().for_each(|refused| counters.refuse(refused));
    for event in &batch.events {
        match show_event(watch, event, out) {
            Ok(()) => counters.events += 1,
            Err(refused) => counters.refuse(&refused),
        }
    }
}

fn show_event(watch: &mut Watch, event: &AuditEvent, out: &mut Vec<u8>) -> Result<(), Refused> {
    let document = event.document()?;
    let origin = Origin::AuditLog(&document);
    watch.show(
        Shown { number: None, time: event.time, id: id::PLUGINEVENT_E, params: Params::default(), origin },
        out,
    );
    Ok(())
}

//! Metrics of the sources that plugins make, and of the plugins that see system calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::exposition::{Exposition, Kind, sanitized};
use crate::plugins::Counters;
use crate::rules::SYSCALL;

/// A row: the name, help, and which of the counters it is.
type Row = (&'static str, &'static str, fn(&Counters) -> &AtomicU64);

const ROWS: &[Row] = &[
    ("saker_plugin_events_total", "Events of a plugin's source that rules met.", |counters| &counters.events),
    ("saker_plugin_failures_total", "How often a plugin crashed, hung or failed.", |counters| {
        &counters.failures
    }),
    ("saker_plugin_restarts_total", "How often a source's plugins were begun again.", |counters| {
        &counters.restarts
    }),
    ("saker_plugin_malformed_total", "What a plugin produced that is no event.", |counters| {
        &counters.malformed
    }),
    ("saker_plugin_values_lost_total", "Fields that a plugin could not extract.", |counters| {
        &counters.values
    }),
    ("saker_plugin_unparsed_total", "Events that a plugin could not parse.", |counters| &counters.unparsed),
    (
        "saker_plugin_asynchronous_lost_total",
        "Asynchronous events for which there was no room, or that were none.",
        |counters| &counters.asynchronous,
    ),
];

/// The rows that only plugins have that see system calls.
const OF_CALLS: &[Row] = &[
    ("saker_plugin_sent_total", "System calls that were sent to a plugin to be parsed.", |counters| {
        &counters.sent
    }),
    (
        "saker_plugin_unseen_total",
        "System calls that a plugin should have seen and did not, because it was down or they are too large.",
        |counters| &counters.unseen,
    ),
];

/// Adds the counters of these sources and of the plugins that see system calls, and what all these plugins count themselves.
pub(super) fn add(
    sources: &[(String, Arc<Counters>)],
    calls: &[(String, Arc<Counters>)],
    text: &mut Exposition,
) {
    for metric in sources.iter().chain(calls).flat_map(|(_, counters)| counters.reported()) {
        let name = format!("falcosecurity_plugins_{}_total", sanitized(&metric.name));
        let kind = if metric.monotonic { Kind::Counter } else { Kind::Gauge };
        text.add(&name, kind, "What a plugin counts.", &[], metric.value);
    }
    for row @ (name, help, counter) in ROWS {
        for (source, counters) in sources {
            // Relaxed: a number that stands for itself.
            let count = counter(counters).load(Ordering::Relaxed);
            text.add(name, Kind::Counter, help, &[("source", source)], count);
        }
        of_calls(calls, row, text);
    }
    OF_CALLS.iter().for_each(|row| of_calls(calls, row, text));
}

fn of_calls(calls: &[(String, Arc<Counters>)], (name, help, counter): &Row, text: &mut Exposition) {
    for (plugin, counters) in calls {
        let count = counter(counters).load(Ordering::Relaxed);
        text.add(name, Kind::Counter, help, &[("source", SYSCALL), ("plugin", plugin)], count);
    }
}

//! Times of day as text, in the local time zone.

use std::io::Write as _;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use saker_filter::Value;

use super::EventContext;

static LOCAL: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);

/// Date and time of day in a time zone; `None` after the year 9999.
fn in_zone(ts: u64, zone: &TimeZone) -> Option<jiff::civil::DateTime> {
    Some(zone.to_datetime(Timestamp::from_nanosecond(i128::from(ts)).ok()?))
}

/// `HH:MM:SS.nnnnnnnnn`, with or without the date before it and the nanoseconds.
pub(super) fn show<'e>(context: &EventContext<'e>, date: bool, nanoseconds: bool) -> Option<Value<'e>> {
    let mut out = context.buffer();
    write_local(context.event.ts, date, nanoseconds, &mut out)?;
    Some(Value::Bytes(out.into_bump_slice()))
}

/// Writes a time in the local time zone.
pub(super) fn write_local(
    ts: u64,
    date: bool,
    nanoseconds: bool,
    out: &mut impl std::io::Write,
) -> Option<()> {
    let time = in_zone(ts, &LOCAL)?;
    if date {
        write!(out, "{:04}-{:02}-{:02} ", time.year(), time.month(), time.day()).ok()?;
    }
    write!(out, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()).ok()?;
    if nanoseconds {
        write!(out, ".{:09}", time.subsec_nanosecond()).ok()?;
    }
    Some(())
}

/// `2016-08-04T16:17:57.881781397+0000`.
pub(super) fn show_iso8601<'e>(context: &EventContext<'e>) -> Option<Value<'e>> {
    let time = in_zone(context.event.ts, &TimeZone::UTC)?;
    let mut out = context.buffer();
    write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}+0000",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.subsec_nanosecond()
    )
    .ok()?;
    Some(Value::Bytes(out.into_bump_slice()))
}

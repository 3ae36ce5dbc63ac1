//! The log of a command: on standard error, as `log_level` and `log_stderr` ask.

use std::fmt;
use std::io;

use jiff::{Timestamp, tz::TimeZone};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, Priority};

/// Starts the log. A second call changes nothing.
pub(super) fn start(config: &Config) {
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_target(false);
    let _ = log.with_max_level(level(config)).try_init();
}

/// Starts the log in Falco's form: the time, a colon, the message.
pub(super) fn start_as_falco(config: &Config) {
    let form = FalcoForm { iso_8601: config.time_format_iso_8601 };
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level(config));
    let _ = log.event_format(form).try_init();
}

/// How much is logged; errors are never kept back.
fn level(config: &Config) -> LevelFilter {
    match config.log_level {
        _ if !config.log_stderr => LevelFilter::ERROR,
        Priority::Debug => LevelFilter::DEBUG,
        Priority::Informational | Priority::Notice => LevelFilter::INFO,
        Priority::Warning => LevelFilter::WARN,
        Priority::Error | Priority::Critical | Priority::Alert | Priority::Emergency => LevelFilter::ERROR,
    }
}

struct FalcoForm {
    iso_8601: bool,
}

impl<S, N> FormatEvent<S, N> for FalcoForm
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = Timestamp::now();
        match self.iso_8601 {
            true => write!(writer, "{}", now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%z"))?,
            false => write!(writer, "{}", now.to_zoned(TimeZone::system()).strftime("%a %b %e %H:%M:%S %Y"))?,
        }
        write!(writer, ": ")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

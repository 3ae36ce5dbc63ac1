//! The log of a command: on standard error and in syslog, as `log_level`, `log_stderr` and `log_syslog` ask.
//!
//! Whatever a message quotes, it stays one entry: lines after the first are indented, and all else that could move a cursor or begin
//! another entry is escaped.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::{Timestamp, tz::TimeZone};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, Priority};
use crate::outputs::local_head;

/// Where syslog listens.
const SYSLOG: &str = "/dev/log";

/// Starts the log. A second call changes nothing.
pub(super) fn start(config: &Config) {
    start_in(config, Form::Saker);
}

/// Starts the log in Falco's form: the time, a colon, the message.
pub(super) fn start_as_falco(config: &Config) {
    start_in(config, Form::Falco { iso_8601: config.time_format_iso_8601 });
}

fn start_in(config: &Config, form: Form) {
    let stderr = match config.log_stderr {
        true => level(config.log_level),
        // Errors are never kept back.
        false => LevelFilter::ERROR,
    };
    let stderr =
        tracing_subscriber::fmt::layer().with_writer(io::stderr).event_format(form).with_filter(stderr);
    let name = if matches!(form, Form::Saker) { "saker" } else { "falco" };
    let syslog = config.log_syslog.then(|| Syslog::open(Path::new(SYSLOG), name));
    let (syslog, refused) = match syslog {
        Some(Ok(syslog)) => (Some(syslog.with_filter(level(config.log_level))), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let _ = tracing_subscriber::registry().with(stderr).with(syslog).try_init();
    if let Some(error) = refused {
        tracing::warn!("log_syslog: {SYSLOG}: {error}");
    }
}

fn level(level: Priority) -> LevelFilter {
    match level {
        Priority::Debug => LevelFilter::DEBUG,
        Priority::Informational | Priority::Notice => LevelFilter::INFO,
        Priority::Warning => LevelFilter::WARN,
        Priority::Error | Priority::Critical | Priority::Alert | Priority::Emergency => LevelFilter::ERROR,
    }
}

/// The message of an event, as one entry.
fn message(event: &Event<'_>) -> String {
    #[derive(Default)]
    struct Message(String);
    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            // A String can always be written to.
            let _ = match field.name() {
                "message" => write!(self.0, "{value:?}"),
                name => write!(self.0, " {name}={value:?}"),
            };
        }
    }
    let mut message = Message::default();
    event.record(&mut message);
    one_entry(&message.0)
}

/// A text in which nothing begins another entry: lines after the first are indented, other control characters escaped.
fn one_entry(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        match character {
            '\n' => out.push_str("\n    "),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[derive(Clone, Copy)]
enum Form {
    /// Time in UTC, level, message.
    Saker,
    Falco {
        iso_8601: bool,
    },
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = Timestamp::now();
        let utc = now.to_zoned(TimeZone::UTC);
        match self {
            Form::Saker => {
                write!(writer, "{} {:>5}", utc.strftime("%Y-%m-%dT%H:%M:%S.%6fZ"), event.metadata().level())?;
            }
            Form::Falco { iso_8601: true } => write!(writer, "{}:", utc.strftime("%Y-%m-%dT%H:%M:%S%z"))?,
            Form::Falco { iso_8601: false } => {
                write!(writer, "{}:", now.to_zoned(TimeZone::system()).strftime("%a %b %e %H:%M:%S %Y"))?;
            }
        }
        writeln!(writer, " {}", message(event))
    }
}

/// Entries to syslog's socket, in the form that the C library has for them. Facility `user`, as Falco's.
struct Syslog {
    socket: Mutex<UnixDatagram>,
    name: &'static str,
}

impl Syslog {
    fn open(path: &Path, name: &'static str) -> io::Result<Syslog> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // The log must not hold up what it is about.
        socket.set_nonblocking(true)?;
        Ok(Syslog { socket: Mutex::new(socket), name })
    }
}

impl<S: Subscriber> Layer<S> for Syslog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        /// `LOG_USER`.
        const FACILITY: u8 = 1 << 3;
        let severity = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        let entry = local_head(FACILITY | severity, self.name) + &message(event).replace("\n    ", " | ");
        // Nobody is left to be told that it failed.
        let _ = self.socket.lock().unwrap_or_else(PoisonError::into_inner).send(entry.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_begins_another_entry() {
        let forged = "bad name: x\n2026-11-29T00:00:00Z  INFO all is well\r\u{1b}[2K\u{2028}\u{85}y\n";
        assert_eq!(
            one_entry(forged),
            "bad name: x\n    2026-11-29T00:00:00Z  INFO all is well\\r\\u{1b}[2K\\u{2028}\\u{85}y"
        );
    }

    #[test]
    fn syslog_gets_one_datagram_for_each_entry() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let server = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::open(&path, "falco").unwrap();
        let subscriber = tracing_subscriber::registry().with(syslog.with_filter(LevelFilter::INFO));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("too little");
            tracing::warn!("two\nlines and {}", "\u{1b}[31m");
        });
        let mut buffer = [0; 200];
        let length = server.recv(&mut buffer).unwrap();
        let entry = String::from_utf8_lossy(&buffer[..length]);
        let start = entry.strip_prefix("<12>").unwrap();
        let (head, told) = start.split_once(": ").unwrap();
        assert!(head.ends_with(&format!(" falco[{}]", std::process::id())), "{head}");
        assert_eq!(told, "two | lines and \\u{1b}[31m");
    }
}

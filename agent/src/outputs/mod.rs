//! Where alerts go: each output has a thread and a queue of its own, so that none waits for another and detection for none.
//!
//! ```text
//! detection -> queue -> gate: rollup, limits -> spool -> a thread for each output: deliver, retry, commit
//!                                            \-> its queue in memory, where there is no spool
//! ```
//!
//! With an output that leaves this host, or a program, every alert is written to the spool before any output sees it, and it
//! stays there until each has delivered it. Standard output alone has no use for that: what was printed before a restart is
//! not printed again.

mod alive;
mod build;
mod file;
mod gate;
mod http;
mod journald;
mod mailbox;
mod noise;
mod payload;
mod program;
mod runner;
pub mod spool;
mod stdout;
mod syslog;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};

use crate::alerts::{Alert, Wanted};
use crate::config::Config;

use self::gate::Message;
use self::mailbox::Mailbox;
pub use self::noise::Held;
use self::runner::Counts;
use self::spool::Spool;
pub(crate) use self::syslog::local_head;
pub use self::{http::HttpError, payload::PayloadError, syslog::FACILITIES, tls::TlsError};

/// The most bytes of alerts that wait for the gate where `outputs_queue.capacity` sets no limit.
const QUEUE_BYTES: usize = 64 << 20;
/// In a replay so many alerts wait for the gate; the replay waits for room.
const REPLAY_QUEUE: usize = 1024;

/// What a run detects in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    /// What happens now: detection does not wait, whatever the outputs do.
    Live,
    /// A capture, which can wait: no alert is dropped for want of room.
    Replay,
}

/// Why outputs cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// An HTTP output, a webhook or Slack.
    #[error("{key}: {error}")]
    Http {
        /// Where it is configured.
        key: String,
        /// What is wrong.
        error: HttpError,
    },
    /// A payload.
    #[error("{key}.payload: {error}")]
    Payload {
        /// Where it is configured.
        key: String,
        /// What is wrong.
        error: PayloadError,
    },
    /// TLS for syslog.
    #[error("{key}: {error}")]
    Tls {
        /// Where it is configured.
        key: String,
        /// What is wrong.
        error: TlsError,
    },
    /// A value that does not make sense.
    #[error("{key}: {problem}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// No thread can be had.
    #[error("no thread can be started: {0}")]
    Thread(io::Error),
}

/// How an output is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputStatus {
    /// `stdout`, `file`, `syslog`, `program`, `http`, `slack`, `journald`, or the name of a webhook or syslog output.
    pub name: String,
    /// Alerts that wait, those under way included.
    pub queued: u64,
    /// Alerts that have arrived.
    pub delivered: u64,
    /// Attempts that failed and were, or will be, repeated.
    pub retried: u64,
    /// Alerts that are lost.
    pub dropped: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// The outputs of a run. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Outputs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    occasion: Occasion,
    capacity: Option<usize>,
    sender: Sender<Message>,
    load: Arc<Load>,
    outputs: Vec<Running>,
    gate: Mutex<Option<JoinHandle<()>>>,
    spool: Option<Arc<Spool>>,
}

/// What detection and gate share.
#[derive(Debug, Default)]
struct Load {
    /// Bytes of alerts that wait for the gate.
    bytes: AtomicUsize,
    /// Alerts for which the queue had no room.
    dropped: AtomicU64,
    /// Nobody takes alerts any more.
    closed: AtomicBool,
    held: Mutex<BTreeMap<String, Held>>,
}

#[derive(Debug)]
struct Running {
    name: String,
    spooled: bool,
    mailbox: Arc<Mailbox>,
    counts: Arc<Counts>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Appends the line of an alert, with a newline.
fn line(alert: &Alert, out: &mut Vec<u8>) {
    out.extend_from_slice(alert.line());
    out.push(b'\n');
}

/// Whether a configuration asks for more than lines on standard output.
pub fn needed(config: &Config) -> bool {
    let saker = &config.saker;
    let ours = saker.journald_output.enabled || saker.slack_output.enabled;
    let lists = !saker.webhooks.is_empty() || !saker.syslog_outputs.is_empty();
    let Config { syslog_output, file_output, program_output, http_output, .. } = config;
    let falcos =
        syslog_output.enabled || file_output.enabled || program_output.enabled || http_output.enabled;
    falcos || ours || lists || noise::Noise::is_wanted(config)
}

/// What a configuration's outputs want of alerts.
pub fn wanted(config: &Config) -> Wanted<'_> {
    let saker = &config.saker;
    let webhooks = saker.slack_output.enabled || !saker.webhooks.is_empty();
    Wanted {
        json: webhooks,
        fields: webhooks || saker.journald_output.enabled,
        rollup_key: if saker.rollup.enabled { &saker.rollup.key } else { &[] },
        limit_key: if saker.rate_limit.per_key > 0 { &saker.rate_limit.key } else { &[] },
    }
}

impl Outputs {
    /// Starts the outputs that a configuration asks for.
    ///
    /// # Errors
    /// If one of them cannot be: a file that TLS needs is not there, a payload is no JSON. A receiver that does not answer is
    /// no error, its alerts wait.
    pub fn start(config: &Config, occasion: Occasion) -> Result<Outputs, OutputError> {
        gate::start(config, occasion)
    }

    /// Hands over an alert. Live, it is dropped and counted if the queue has no room; a replay waits for room.
    ///
    /// # Errors
    /// If nobody takes alerts any more: standard output was the only output, and it is closed.
    pub fn accept(&self, alert: Alert) -> io::Result<()> {
        let Shared { occasion, capacity, sender, load, .. } = &*self.0;
        // Relaxed: nothing is handed over with it.
        if load.closed.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let size = alert.bytes().len();
        let message = Message::Alert(alert);
        if *occasion == Occasion::Replay {
            // The gate takes alerts as long as there is a handle.
            let _ = sender.send(message);
            return Ok(());
        }
        let bytes = load.bytes.fetch_add(size, Ordering::Relaxed) + size;
        let sent = match capacity {
            None if bytes > QUEUE_BYTES => Err(TrySendError::Full(message)),
            _ => sender.try_send(message),
        };
        if sent.is_err() {
            load.bytes.fetch_sub(size, Ordering::Relaxed);
            if load.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::error!("the outputs' queue is full: alerts are lost");
            }
        }
        Ok(())
    }

    /// Has outputs close and open what they write to, as after the rotation of a file.
    pub fn reopen(&self) {
        self.0.outputs.iter().for_each(|output| output.mailbox.reopen());
    }

    /// How each output is doing.
    pub fn status(&self) -> Vec<OutputStatus> {
        let status = |output: &Running| OutputStatus {
            name: output.name.clone(),
            queued: match output.spooled {
                true => output.counts.waiting.load(Ordering::Relaxed),
                false => output.mailbox.waiting(),
            },
            delivered: output.counts.delivered.load(Ordering::Relaxed),
            retried: output.counts.retried.load(Ordering::Relaxed),
            dropped: output.counts.dropped.load(Ordering::Relaxed),
            last_error: output.counts.last_error(),
        };
        self.0.outputs.iter().map(status).collect()
    }

    /// How many alerts found no room in the queue before the outputs.
    pub fn queue_drops(&self) -> u64 {
        self.0.load.dropped.load(Ordering::Relaxed)
    }

    /// Bytes in the spool and the most there may be, if there is one.
    pub fn spool_size(&self) -> Option<(u64, u64)> {
        self.0.spool.as_ref().map(|spool| spool.size())
    }

    /// What rollup and limits held back, by rule.
    pub fn held_back(&self) -> BTreeMap<String, Held> {
        self.0.load.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the outputs deliver what they have, and ends them; one that does not deliver is left after `deadline`. Gives the
    /// state they were left in.
    pub fn stop(&self, deadline: Duration) -> Vec<OutputStatus> {
        let end = Instant::now() + deadline;
        // A gate that is gone has stopped already.
        let _ = self.0.sender.send_timeout(Message::Stop, deadline);
        join(&self.0.gate, end);
        self.0.outputs.iter().for_each(|output| output.mailbox.stop());
        self.0.outputs.iter().for_each(|output| join(&output.thread, end));
        self.status()
    }
}

/// Waits for the end of a thread, but not for ever.
fn join(thread: &Mutex<Option<JoinHandle<()>>>, end: Instant) {
    let Some(thread) = thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    while !thread.is_finished() {
        if Instant::now() >= end {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // It said what it had to say when it panicked.
    let _ = thread.join();
}

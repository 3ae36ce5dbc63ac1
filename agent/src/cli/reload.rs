//! Loading rules and configuration anew while events go on: on SIGHUP, and when a watched file changes
//! (`watch_config_files`).
//!
//! ```text
//! SIGHUP, inotify -> this thread: read, check, compile -> order -> the loop takes them between two events
//!                                      \-> refused: log, alert; the old rules stay
//! ```

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::beside::Successors;
use super::engine::{Engine, Show};
use super::orders::Desk;
use crate::alerts::Internal;
use crate::config::{Config, Priority};
use crate::metrics::{Files, Telemetry};
use crate::pipeline::{RuleSet, Sink};
use crate::rules::{LoadResult, Source};

/// What Falco calls the alert about a reload that was refused.
const FAILURE: &str = "Falco internal: hot restart failure";
/// For how long, in milliseconds, no file may change before changed files are read: they often come in several writes.
const QUIET: u16 = 100;

/// What a run is made of: read at the start, and again for each reload.
pub(super) struct Given {
    /// The configuration.
    pub config: Config,
    /// What there is to say about it.
    pub warnings: Vec<String>,
    /// The files that it was read from.
    pub config_files: Vec<PathBuf>,
    /// The rule files in load order.
    pub rule_files: Vec<PathBuf>,
    /// Where rule files were looked for: directories are watched for new files.
    pub rule_paths: Vec<PathBuf>,
}

impl Given {
    /// The digests of all files.
    pub(super) fn files(&self) -> Files {
        Files::read(&self.config_files, &self.rule_files)
    }
}

/// Rules that were loaded anew.
pub(super) struct Fresh {
    /// Which reload it is, from 1.
    pub number: u64,
    /// The rules.
    pub rules: RuleSet,
    /// The names of events that their conditions ask for.
    pub names: BTreeSet<&'static str>,
    /// The configuration under which they were compiled.
    pub config: Config,
    /// The digests of the files.
    pub files: Files,
}

impl Fresh {
    /// Has the rules meet events from the next one on.
    ///
    /// # Errors
    /// If alerts cannot be written any more.
    pub(super) fn take_effect(
        self,
        sink: &mut impl Sink,
        running: &Config,
        telemetry: &Telemetry,
    ) -> io::Result<()> {
        for key in stays(running, &self.config) {
            tracing::warn!("{key}: the new value takes effect at the next start");
        }
        telemetry.set_calls(self.rules.settings.calls.as_deref());
        let summary = sink.replace(self.rules)?;
        let count = summary.rules().len();
        telemetry.loaded(self.files, summary, true);
        tracing::info!("reload {}: {count} rules take effect", self.number);
        Ok(())
    }
}

/// Reads what a run is made of.
pub(super) type Read = Box<dyn Fn() -> anyhow::Result<Given> + Send>;
/// What is said about each rule file, or that it is refused.
pub(super) type Said = Box<dyn FnMut(&LoadResult, &[Source]) -> anyhow::Result<()> + Send>;

/// Waits for reasons to load anew. [`Reloader::listen`] sets SIGHUP aside for it.
pub(super) struct Reloader {
    signals: SignalFd,
    successors: Successors,
    guarded: bool,
}

impl Reloader {
    /// Sets SIGHUP aside. Call it before any thread is made: they all must leave it alone.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn listen() -> anyhow::Result<Reloader> {
        let mut hangup = SigSet::empty();
        hangup.add(Signal::SIGHUP);
        hangup.thread_block().context("SIGHUP cannot be set aside")?;
        let signals = SignalFd::with_flags(&hangup, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .context("SIGHUP cannot be waited for")?;
        Ok(Reloader { signals, successors: Successors::default(), guarded: false })
    }

    /// Has new rules of the sources beside system calls sent there.
    pub(super) fn with_successors(self, successors: Successors) -> Reloader {
        Reloader { successors, ..self }
    }

    /// Has the rules about the agent itself loaded, too.
    pub(super) fn guarded(self) -> Reloader {
        Reloader { guarded: true, ..self }
    }

    /// Begins to wait, on a thread of its own.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(super) fn start(
        self,
        given: &Given,
        records_for: Option<Config>,
        read: Read,
        said: Said,
        desk: Desk,
        telemetry: &Telemetry,
    ) -> io::Result<()> {
        let telemetry = telemetry.clone();
        let (watch, files) = (Watch::of(given), given.files());
        let Reloader { signals, successors, guarded } = self;
        let mut work = Work {
            signals,
            watch,
            files,
            records_for,
            read,
            said,
            desk,
            successors,
            telemetry,
            guarded,
            number: 0,
        };
        std::thread::Builder::new().name("reload".to_owned()).spawn(move || work.run()).map(|_| ())
    }
}

/// The thread's own.
struct Work {
    signals: SignalFd,
    watch: Option<Watch>,
    files: Files,
    /// Whose outputs run: alerts are records for them.
    records_for: Option<Config>,
    read: Read,
    said: Said,
    desk: Desk,
    /// Where new rules of the sources beside system calls go.
    successors: Successors,
    telemetry: Telemetry,
    guarded: bool,
    number: u64,
}

impl Work {
    fn run(&mut self) {
        loop {
            let Some(asked) = self.wait() else { return };
            match self.load(asked) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => self.refuse(&error),
            }
        }
    }

    /// Waits for a reason. Whether it was asked for by a signal; `None` if there can be no reason any more.
    fn wait(&mut self) -> Option<bool> {
        let mut changed = false;
        loop {
            let inotify = self.watch.as_ref().map(|watch| watch.inotify.as_fd());
            let timeout = if changed { PollTimeout::from(QUIET) } else { PollTimeout::NONE };
            let (hangup, files) = ready(self.signals.as_fd(), inotify, timeout)?;
            if hangup {
                // Several signals that wait are one wish.
                while let Ok(Some(_)) = self.signals.read_signal() {}
                return Some(true);
            }
            if !files && changed {
                return Some(false);
            }
            if files {
                changed |= self.watch.as_ref().is_some_and(Watch::changed);
            }
        }
    }

    /// Loads everything anew and has it take effect; not if the files are what they were and nobody asked. Whether the loop
    /// still goes on.
    fn load(&mut self, asked: bool) -> anyhow::Result<bool> {
        let given = (self.read)();
        // Whatever comes of it: what is there now need not be looked at again, and a file that was away may be back.
        if let Ok(given) = &given {
            self.watch = Watch::of(given);
        }
        let given = given?;
        let files = given.files();
        if !asked && files == self.files {
            return Ok(true);
        }
        self.files = files.clone();
        given.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let Given { config, rule_files, config_files, .. } = given;
        let show: Show<'_> = &mut *self.said;
        let records_for = self.records_for.as_ref();
        let (mut engine, names) = match self.guarded {
            true => Engine::guarded(&rule_files, &config_files, &config, records_for, show)?,
            false => Engine::named(&rule_files, &config, records_for, show)?,
        };
        self.number += 1;
        self.successors.send(&mut engine, &self.desk)?;
        let fresh = Fresh { number: self.number, rules: engine.rules, names, config, files };
        tracing::debug!("reload {}: ready", self.number);
        Ok(self.desk.rules(Box::new(fresh)).is_ok())
    }

    fn refuse(&mut self, error: &anyhow::Error) {
        self.telemetry.reload_refused();
        tracing::error!("not loaded anew, the rules and the configuration stay as they were: {error:#}");
        let message = format!("{FAILURE}: {error:#}");
        self.desk.alert(Internal::now(Priority::Critical, FAILURE, message));
    }
}

/// Waits until one of both can be read; `None` if waiting fails for good.
fn ready(
    signals: BorrowedFd<'_>,
    inotify: Option<BorrowedFd<'_>>,
    timeout: PollTimeout,
) -> Option<(bool, bool)> {
    let mut waited: Vec<PollFd<'_>> =
        [Some(signals), inotify].into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    match poll(&mut waited, timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {
            let can = |at: usize| waited.get(at).is_some_and(|fd| fd.any() == Some(true));
            Some((can(0), can(1)))
        }
        Err(error) => {
            tracing::error!("reloads cannot be waited for any more: {error}");
            None
        }
    }
}

/// The files and directories whose changes are looked for. Directories are watched, not files: editors and Kubernetes put a
/// new file in the place of the old one.
struct Watch {
    inotify: Inotify,
    /// The names that count in each watched directory; all do where there are none.
    names: Vec<(nix::sys::inotify::WatchDescriptor, BTreeSet<std::ffi::OsString>)>,
}

/// The link that Kubernetes turns to the new files of a ConfigMap.
const CONFIG_MAP: &str = "..data";

impl Watch {
    /// Watches everything that a run is made of, if the configuration asks for it. What cannot be watched is said.
    fn of(given: &Given) -> Option<Watch> {
        if !given.config.watch_config_files {
            return None;
        }
        let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK);
        let inotify = watch.map_err(|error| tracing::warn!("files cannot be watched: {error}")).ok()?;
        let mut watch = Watch { inotify, names: Vec::new() };
        for file in given.config_files.iter().chain(&given.rule_files) {
            let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
            let directory = directory.unwrap_or(Path::new("."));
            // Below a directory that was asked for, other files count, too.
            let below = given.rule_paths.iter().any(|path| path != file && directory.starts_with(path));
            watch.add(directory, file.file_name().filter(|_| !below));
        }
        let included = given.config.config_files.iter().map(|included| &included.path);
        for path in given.rule_paths.iter().chain(included).filter(|path| path.is_dir()) {
            watch.add(path, None);
        }
        Some(watch)
    }

    fn add(&mut self, directory: &Path, name: Option<&std::ffi::OsStr>) {
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE;
        match self.inotify.add_watch(directory, flags) {
            Err(error) => tracing::warn!("{} cannot be watched: {error}", directory.display()),
            Ok(number) => {
                let names = name.map(|name| BTreeSet::from([name.to_owned(), CONFIG_MAP.into()]));
                match (self.names.iter_mut().find(|(known, _)| *known == number), names) {
                    (None, names) => self.names.push((number, names.unwrap_or_default())),
                    (Some((_, known)), None) => known.clear(),
                    (Some((_, known)), Some(_)) if known.is_empty() => {}
                    (Some((_, known)), Some(names)) => known.extend(names),
                }
            }
        }
    }

    /// Whether something changed that counts.
    fn changed(&self) -> bool {
        let mut changed = false;
        while let Ok(events) = self.inotify.read_events() {
            changed |= events.iter().any(|event| {
                let names = self.names.iter().find(|(number, _)| *number == event.wd).map(|(_, names)| names);
                let Some(names) = names else {
                    // Too many changes to tell which: then look.
                    return event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                };
                names.is_empty() || event.name.as_ref().is_some_and(|name| names.contains(name))
            });
        }
        changed
    }
}

/// Keys that a reload does not change: what is open stays as it is. Each with whether it differs.
pub(super) fn stays(old: &Config, new: &Config) -> Vec<&'static str> {
    let keys = [
        ("engine", old.engine != new.engine),
        ("falco_libs", old.falco_libs != new.falco_libs),
        ("saker.driver", old.saker.driver != new.saker.driver),
        ("saker.threads", old.saker.threads != new.saker.threads),
        ("stdout_output", old.stdout_output != new.stdout_output),
        ("syslog_output", old.syslog_output != new.syslog_output),
        ("file_output", old.file_output != new.file_output),
        ("program_output", old.program_output != new.program_output),
        ("http_output", old.http_output != new.http_output),
        ("buffered_outputs", old.buffered_outputs != new.buffered_outputs),
        ("outputs_queue", old.outputs_queue != new.outputs_queue),
        ("output_timeout", old.output_timeout != new.output_timeout),
        ("saker.spool", old.saker.spool != new.saker.spool),
        ("saker.rollup", old.saker.rollup != new.saker.rollup),
        ("saker.rate_limit", old.saker.rate_limit != new.saker.rate_limit),
        ("saker.journald_output", old.saker.journald_output != new.saker.journald_output),
        ("saker.slack_output", old.saker.slack_output != new.saker.slack_output),
        ("saker.syslog_outputs", old.saker.syslog_outputs != new.saker.syslog_outputs),
        ("saker.webhooks", old.saker.webhooks != new.saker.webhooks),
        ("webserver", old.webserver != new.webserver),
        ("metrics", old.metrics != new.metrics),
        ("syscall_event_drops", old.syscall_event_drops != new.syscall_event_drops),
        ("log_level", old.log_level != new.log_level),
    ];
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

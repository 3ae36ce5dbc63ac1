//! The agent's watch over itself: what is done to it is an alert like what is done to others.
//!
//! Rules about its own process and files stand before all others (`self_protection.yaml`). A thread notices when the whole process
//! was kept from running (SIGSTOP, a frozen cgroup), and a call that nobody else makes has to come back from the driver again and
//! again ([`Canary`]).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;
use saker_probe::extract::calls::code;
use saker_probe::wire::control::{Interest, is_set, option};

use super::orders::Desk;
use crate::alerts::Internal;
use crate::config::Priority;
use crate::event::{Event, id};

/// How findings name the rules.
pub(super) const RULES_NAME: &str = "saker: self-protection";
const RULES: &str = include_str!("self_protection.yaml");

/// The rules about this very process: its id, its program, its files, its cgroups.
pub(super) fn rules(files: &[PathBuf]) -> String {
    let program = fs::read_link("/proc/self/exe").unwrap_or_default();
    let mut own: BTreeSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    own.insert(&program);
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    fill(std::process::id(), &own, &switches(&cgroups))
}

fn fill(pid: u32, files: &BTreeSet<&Path>, switches: &BTreeSet<String>) -> String {
    let list = |texts: &mut dyn Iterator<Item = String>| {
        let quoted = texts.filter_map(|text| quoted(&text));
        quoted.collect::<Vec<_>>().join(", ")
    };
    RULES
        .replace("@PID@", &pid.to_string())
        .replace("@FILES@", &list(&mut files.iter().map(|file| file.display().to_string())))
        .replace("@SWITCHES@", &list(&mut switches.iter().cloned()))
}

/// A path as a value of a list: what could end it is no path of ours.
fn quoted(text: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@ ".contains(c);
    (text.starts_with('/') && text.chars().all(plain)).then(|| format!("\"{text}\""))
}

/// The files by which a cgroup that this process is in, or one above it, is frozen or killed.
fn switches(cgroups: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in cgroups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, files): (&str, &[&str]) = match controllers {
            "" => ("/sys/fs/cgroup", &["cgroup.freeze", "cgroup.kill"]),
            "freezer" => ("/sys/fs/cgroup/freezer", &["freezer.state"]),
            _ => continue,
        };
        let mut cgroup = Path::new(path);
        // The root cannot be frozen.
        while cgroup.parent().is_some() {
            for file in files {
                let mut name = String::new();
                // A String can always be written to.
                let _ = write!(name, "{root}{}/{file}", cgroup.display());
                found.insert(name);
            }
            cgroup = cgroup.parent().unwrap_or(Path::new("/"));
        }
    }
    found
}

/// How often the thread looks whether it was kept from running.
const PULSE: Duration = Duration::from_millis(500);
/// For how long a busy machine may keep it without a word.
const STOPPED: Duration = Duration::from_secs(4);
/// What stands for the rule.
const STOPPED_RULE: &str = "Saker internal: agent was stopped";

/// Begins to notice when the whole process does not run, on a thread of its own.
///
/// # Errors
/// If there can be no thread.
pub(super) fn start(desk: Desk) -> std::io::Result<()> {
    let run = move || {
        let mut last = Instant::now();
        loop {
            std::thread::sleep(PULSE);
            // This clock stands still while the machine sleeps, as the process does.
            let gap = last.elapsed().saturating_sub(PULSE);
            last = Instant::now();
            if gap >= STOPPED {
                tracing::error!("the agent did not run for {:.1} seconds", gap.as_secs_f64());
                desk.alert(stopped(gap));
            }
        }
    };
    std::thread::Builder::new().name("guard".to_owned()).spawn(run).map(|_| ())
}

fn stopped(gap: Duration) -> Internal {
    let seconds = (gap.as_secs_f64() * 10.0).round() / 10.0;
    let message = format!(
        "The agent did not run for {seconds} seconds: it was stopped, frozen, or kept from the CPU. Events of that time \
         were judged late, or lost if a ring was full."
    );
    Internal::now(Priority::Critical, STOPPED_RULE, message).with("saker.seconds", seconds)
}

/// What stands for the rule.
const SILENT_RULE: &str = "Saker internal: driver does not answer";
/// How often a call is made that the driver must record.
const EVERY: Duration = Duration::from_secs(10);
/// For how long its record may be on the way.
const ANSWER: Duration = Duration::from_secs(20);

/// A call that nobody else makes: a signal 0 to a process that cannot exist, whose number is different each time. If the driver does
/// not tell it, it tells nothing any more, whoever saw to that.
pub(super) struct Canary {
    on: bool,
    state: u64,
    sent: Option<Sent>,
    next: Instant,
    silent: bool,
}

/// The last call that was not told yet.
#[derive(Clone, Copy)]
struct Sent {
    number: i32,
    at: Instant,
    /// How many events had been lost by then.
    lost: u64,
}

/// Whether a driver that was told so records the call: it fails, and this process makes it.
pub(super) fn can_answer(interest: &Interest) -> bool {
    let kill = is_set(&interest.codes, usize::from(code::KILL));
    kill && interest.scope_cgroup == 0 && interest.options & option::DROP_FAILED == 0
}

/// Numbers from here on are beyond every process id: the kernel's largest is 2^22.
const NOBODY: i32 = 1 << 30;

impl Canary {
    /// One that is made, or not.
    pub(super) fn new(on: bool) -> Canary {
        let state = crate::alerts::now() | 1;
        Canary { on, state, sent: None, next: Instant::now() + EVERY, silent: false }
    }

    /// Goes on only if a driver that was told so records the call.
    pub(super) fn keep_if(&mut self, can: bool) {
        if !can {
            (self.on, self.sent) = (false, None);
        }
    }

    /// Makes the call when it is time, and complains once if the last one was not told. `lost` says how many events were lost until
    /// now because a ring was full: the call may have been one of them, and that has an alert of its own.
    pub(super) fn round(&mut self, lost: impl Fn() -> u64) -> Option<Internal> {
        if !self.on {
            return None;
        }
        let now = Instant::now();
        let missing = self.sent.filter(|sent| now.duration_since(sent.at) > ANSWER);
        if let Some(sent) = missing {
            if lost() > sent.lost {
                self.sent = None;
            } else if !std::mem::replace(&mut self.silent, true) {
                return Some(silent());
            }
        }
        if now >= self.next && (self.sent.is_none() || missing.is_some()) {
            self.next = now + EVERY;
            let number = self.number();
            self.sent = Some(Sent { number, at: now, lost: lost() });
            // It fails: there is no such process.
            let _ = kill(Pid::from_raw(number), None);
        }
        None
    }

    /// Whether an event is the call, which then is nobody else's business.
    #[inline]
    pub(super) fn is(&mut self, event: &Event<'_>) -> bool {
        event.id == id::SYSCALL_KILL_X && self.answers(event)
    }

    #[cold]
    fn answers(&mut self, event: &Event<'_>) -> bool {
        let Some(sent) = self.sent else { return false };
        if event.param_i64(1) != Some(i64::from(sent.number)) {
            return false;
        }
        self.sent = None;
        if std::mem::take(&mut self.silent) {
            tracing::warn!("the driver answers again");
        }
        true
    }

    /// Another number each time (xorshift): hard to guess while it matters.
    fn number(&mut self) -> i32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        NOBODY | (self.state >> 34) as i32
    }
}

fn silent() -> Internal {
    let message =
        "A call that the agent made was not told by the driver: its probe was detached or misses events.";
    tracing::error!("{message}");
    Internal::now(Priority::Critical, SILENT_RULE, message).with("saker.seconds", ANSWER.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ParamsBuf;

    #[test]
    fn every_cgroup_above_can_be_frozen() {
        let found =
            switches("0::/system.slice/saker.service\n4:freezer:/a\n3:cpu:/b\nodd\n1:name=systemd:/\n");
        let expected = [
            "/sys/fs/cgroup/freezer/a/freezer.state",
            "/sys/fs/cgroup/system.slice/cgroup.freeze",
            "/sys/fs/cgroup/system.slice/cgroup.kill",
            "/sys/fs/cgroup/system.slice/saker.service/cgroup.freeze",
            "/sys/fs/cgroup/system.slice/saker.service/cgroup.kill",
        ];
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        assert!(switches("0::/\n").is_empty());
    }

    #[test]
    fn no_name_can_change_a_rule() {
        assert_eq!(quoted("/a b/c.yaml").as_deref(), Some("\"/a b/c.yaml\""));
        for odd in ["/a\"", "/a\n", "/a\\", "relative", "/a)", ""] {
            assert_eq!(quoted(odd), None, "{odd}");
        }
        let file = Path::new("/x\") or (evt.num > 0");
        assert!(!fill(1, &BTreeSet::from([file]), &BTreeSet::new()).contains("evt.num"));
    }

    #[test]
    fn a_canary_that_comes_back_is_known() {
        let mut canary = Canary::new(true);
        let kill =
            |number: i32| ParamsBuf::of(&[&0_i64.to_le_bytes(), &i64::from(number).to_le_bytes(), &[0]]);
        let params = kill(7);
        let other = Event::new(1, 2, 3, 4, id::SYSCALL_KILL_X, 0, params.params());
        let none_lost = || 0;
        assert!(!canary.is(&other) && canary.round(none_lost).is_none());
        canary.next = Instant::now();
        assert!(canary.round(none_lost).is_none());
        let number = canary.sent.unwrap().number;
        assert!(number >= NOBODY);
        assert!(!canary.is(&other));
        let params = kill(number);
        let own = Event::new(1, 2, 3, 4, id::SYSCALL_KILL_X, 0, params.params());
        assert!(canary.is(&own) && !canary.is(&own));
        // Nothing comes back: told once, until something does.
        let long_ago = Instant::now().checked_sub(ANSWER * 2).unwrap();
        let sent = Sent { number, at: long_ago, lost: 0 };
        // Unless it may have been lost with others.
        canary.sent = Some(sent);
        assert!(canary.round(|| 1).is_none() && canary.sent.is_none());
        canary.sent = Some(sent);
        assert_eq!(canary.round(none_lost).unwrap().rule, SILENT_RULE);
        assert!(canary.round(none_lost).is_none());
        assert!(canary.is(&own) && !canary.silent);
    }

    #[test]
    fn only_a_driver_that_records_it_is_asked() {
        let mut interest = Interest::default();
        assert!(!can_answer(&interest));
        interest.ask(None, code::KILL);
        assert!(can_answer(&interest));
        assert!(!can_answer(&Interest { scope_cgroup: 3, ..interest }));
        assert!(!can_answer(&Interest { options: option::DROP_FAILED, ..interest }));
        let mut never = Canary::new(false);
        never.next = Instant::now();
        assert!(never.round(|| 0).is_none() && never.sent.is_none());
    }
}

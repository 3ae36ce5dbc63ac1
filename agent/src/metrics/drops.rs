//! What is done about lost events (`syscall_event_drops`): a look each second, and if too large a share was lost, the actions, as
//! often as a token bucket allows.

use std::fmt::{self, Display, Formatter};

use super::figures::full_by_kind;
use super::telemetry::Lost;
use crate::alerts::Internal;
use crate::config::{DropAction, Priority, SyscallEventDrops};

/// What Falco calls the alert.
const RULE: &str = "Falco internal: syscall event drop";

/// Looks after losses.
#[derive(Debug)]
pub struct DropMonitor {
    config: SyscallEventDrops,
    /// Events, lost ones included, and losses at the last look.
    last: (u64, Lost),
    tokens: f64,
    occurrences: u64,
    actions: u64,
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Verdict {
    /// A line for the log.
    pub log: Option<String>,
    /// An alert.
    pub alert: Option<Internal>,
    /// Whether to end.
    pub exit: bool,
}

impl DropMonitor {
    /// With nothing lost yet.
    pub fn new(config: &SyscallEventDrops) -> DropMonitor {
        let tokens = config.max_burst as f64;
        DropMonitor { config: config.clone(), last: (0, Lost::default()), tokens, occurrences: 0, actions: 0 }
    }

    /// A look, `seconds` after the last one: how many events there were in all, lost ones included, and what was lost.
    pub fn look(&mut self, seconds: f64, events: u64, lost: &Lost, bpf: bool) -> Verdict {
        let all = events.saturating_sub(self.last.0);
        let since = lost.since(&self.last.1);
        self.last = (events, *lost);
        self.tokens = (self.tokens + self.config.rate * seconds).min(self.config.max_burst as f64);
        let simulated = u64::from(self.config.simulate_drops);
        let drops = since.total() + simulated;
        // What is simulated is always worth an action.
        let threshold = if self.config.simulate_drops { 0.0 } else { self.config.threshold };
        if drops == 0 || drops as f64 / all.max(1) as f64 <= threshold {
            return Verdict::default();
        }
        self.occurrences += 1;
        if self.tokens < 1.0 {
            tracing::debug!("{drops} events were lost in the last second; it is too soon for another action");
            return Verdict::default();
        }
        self.tokens -= 1.0;
        self.actions += 1;
        self.act(drops, all, &since, bpf)
    }

    fn act(&self, drops: u64, all: u64, since: &Lost, bpf: bool) -> Verdict {
        let message = format!("{RULE}. {drops} system calls dropped in last second.");
        let mut verdict = Verdict::default();
        for action in &self.config.actions {
            match action {
                DropAction::Ignore => {}
                DropAction::Log => verdict.log = Some(message.clone()),
                DropAction::Exit => verdict.exit = true,
                DropAction::Alert => {
                    let text = |count: u64| count.to_string();
                    let mut alert = Internal::now(Priority::Debug, RULE, message.as_str());
                    alert.fields.clear();
                    alert = alert
                        .with("n_evts", text(all))
                        .with("n_drops", text(drops))
                        .with("n_drops_buffer_total", text(since.full()))
                        .with("n_drops_scratch_map", text(0))
                        .with("n_drops_page_faults", text(0))
                        .with("n_drops_bug", text(since.nested))
                        .with("ebpf_enabled", text(u64::from(bpf)));
                    for (kind, count) in full_by_kind(since) {
                        alert = alert.with(format!("n_drops_buffer_{kind}_exit"), text(count));
                    }
                    verdict.alert = Some(alert);
                }
            }
        }
        verdict
    }
}

/// Part of the closing summary.
impl Display for DropMonitor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "Syscall event drop monitoring:")?;
        writeln!(f, "   - event drop detected: {} occurrences", self.occurrences)?;
        writeln!(f, "   - num times actions taken: {}", self.actions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn monitor(options: &[&str]) -> DropMonitor {
        let options: Vec<String> =
            options.iter().map(|option| format!("syscall_event_drops.{option}")).collect();
        DropMonitor::new(&Config::from_options(&options).unwrap().syscall_event_drops)
    }

    fn lost(file: u64) -> Lost {
        Lost { file, ..Lost::default() }
    }

    #[test]
    fn what_is_lost_is_logged_and_told_once_in_a_while() {
        let mut monitor = monitor(&[]);
        let quiet = monitor.look(1.0, 1000, &lost(100), false);
        assert!(quiet.log.is_none() && quiet.alert.is_none(), "a tenth is not more than the threshold");
        let told = monitor.look(1.0, 2000, &Lost { nested: 1, ..lost(300) }, true);
        let alert = told.alert.unwrap();
        assert_eq!(told.log.as_deref(), Some(&*alert.message));
        assert!(!told.exit);
        insta::assert_snapshot!(alert.message, @"Falco internal: syscall event drop. 201 system calls dropped in last second.");
        insta::assert_snapshot!(serde_json::to_string(&alert.fields).unwrap(), @r#"{"ebpf_enabled":"1","n_drops":"201","n_drops_buffer_clone_fork_exit":"0","n_drops_buffer_close_exit":"0","n_drops_buffer_connect_exit":"0","n_drops_buffer_dir_file_exit":"0","n_drops_buffer_execve_exit":"0","n_drops_buffer_open_exit":"200","n_drops_buffer_other_interest_exit":"0","n_drops_buffer_proc_exit":"0","n_drops_buffer_total":"200","n_drops_bug":"1","n_drops_page_faults":"0","n_drops_scratch_map":"0","n_evts":"1000"}"#);
        // One in thirty seconds.
        let mut actions = 0;
        for second in 1..=60 {
            let lost = Lost { nested: 1, ..lost(300 + second * 500) };
            actions += u64::from(monitor.look(1.0, 2000 + second * 1000, &lost, true).alert.is_some());
        }
        assert_eq!(actions, 1);
        insta::assert_snapshot!(monitor, @r"
        Syscall event drop monitoring:
           - event drop detected: 61 occurrences
           - num times actions taken: 2
        ");
    }

    #[test]
    fn losses_are_simulated_and_ignored_and_end_it() {
        let simulated =
            monitor(&["simulate_drops=true", "actions=[exit]"]).look(1.0, 5, &Lost::default(), false);
        assert!(simulated.exit && simulated.alert.is_none());
        let ignored = monitor(&["threshold=0", "actions=[ignore]"]).look(1.0, 5, &lost(3), false);
        assert!(!ignored.exit && ignored.alert.is_none() && ignored.log.is_none());
        let none = monitor(&["threshold=0"]).look(1.0, 5, &Lost::default(), false);
        assert!(none.log.is_none());
    }
}

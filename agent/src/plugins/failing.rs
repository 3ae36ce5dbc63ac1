//! What is done when a plugin fails, whoever it serves: it is told, and said after how long its process is begun again.

use std::time::{Duration, Instant};

use super::running::Counters;
use super::sources::Member;
use super::team::Failure;
use crate::alerts::Internal;
use crate::config::Priority;

/// What the alert about a plugin that failed is called.
const FAILED: &str = "Saker internal: plugin failure";

/// After so long without a failure they are counted from 0 again.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// The failures of plugins that belong together.
#[derive(Debug)]
pub(super) struct Failures {
    /// How many there were in a row.
    count: u32,
    since: Instant,
}

impl Failures {
    /// None yet.
    pub(super) fn none() -> Failures {
        Failures { count: 0, since: Instant::now() }
    }

    /// Counts a failure, says that one of these plugins of a source failed, and after how long it is begun again.
    ///
    /// # Errors
    /// If it is not begun again.
    pub(super) fn add(
        &mut self,
        failure: &Failure,
        members: &[Member],
        source: &str,
        counters: &Counters,
        alert: &dyn Fn(Internal),
    ) -> Result<Duration, String> {
        if self.since.elapsed() > FORGET_AFTER {
            self.count = 0;
        }
        self.since = Instant::now();
        let before = self.count;
        self.count += 1;
        counters.fail();
        let member = members.iter().find(|member| member.info.name == failure.plugin);
        let (restarts, pause) =
            member.map_or((0, Duration::ZERO), |member| (member.settings.restarts, member.settings.pause));
        let again = before < restarts;
        let pause = pause.saturating_mul(2u32.saturating_pow(before));
        let then = match again {
            true => format!("it is begun again in {pause:?} ({} of {restarts} times)", before + 1),
            false => format!("it is not begun again (saker.plugins.max_restarts: {restarts})"),
        };
        let message = format!("{failure}; source '{source}': {then}");
        tracing::error!("{message}");
        let told = Internal::now(Priority::Critical, FAILED, format!("{FAILED}: {message}"))
            .with("plugin", failure.plugin.as_str())
            .with("source", source);
        alert(told);
        if again { Ok(pause) } else { Err(failure.to_string()) }
    }
}

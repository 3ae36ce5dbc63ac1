//! Rules ready to meet events, as one thing: what a loop evaluates, prints and lets fields see. A reload makes another beside it
//! and has the loop take it between two events; the state stays.

use std::sync::Arc;

use crate::alerts::Alerts;
use crate::config::{self, Config};
use crate::detect::Detector;
use crate::plugins::Calls;

/// Conditions, their alerts, and what fields see of the configuration under which both were compiled.
///
/// A clone shares the conditions and the counts, and remembers for itself.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// The conditions.
    pub detector: Detector,
    /// Their alerts.
    pub alerts: Alerts,
    /// What fields see.
    pub settings: Settings,
}

impl RuleSet {
    /// Goes on from the counts of the rules that these take the place of.
    #[must_use]
    pub fn continuing(mut self, old: &RuleSet) -> RuleSet {
        self.alerts = self.alerts.continuing(&old.alerts);
        if self.detector.is_measured() { self.measured() } else { self }
    }

    /// Measures now and then what each condition costs.
    #[must_use]
    pub fn measured(mut self) -> RuleSet {
        let costs = self.alerts.summary().rules().iter().map(|rule| Arc::clone(&rule.cost)).collect();
        self.detector = self.detector.measuring(costs);
        self
    }
}

/// What fields see of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The values of `static.*`.
    pub static_values: Vec<Box<[u8]>>,
    /// Payloads in base64.
    pub buffer_base64: bool,
    /// The built-in container plugin is on.
    pub containers: bool,
    /// The plugins that see system calls, if some do.
    pub calls: Option<Arc<Calls>>,
}

impl Settings {
    /// Those of a configuration, without plugins.
    pub fn of(config: &Config) -> Settings {
        Settings {
            static_values: config.static_fields.values().map(|value| value.as_bytes().into()).collect(),
            buffer_base64: config.buffer_format_base64,
            containers: config.has_plugin(config::CONTAINER),
            calls: None,
        }
    }
}

//! Rules for the commands that look at them without detecting anything: loaded, with errors as text.

use std::path::PathBuf;

use anyhow::{anyhow, bail};

use super::sources::Sources;
use crate::config::Config;
use crate::rules::{Loader, Rule, SYSCALL, rule_files};

/// Loaded rules.
pub(super) struct RuleSource<'e> {
    loader: Loader<'e>,
}

impl<'e> RuleSource<'e> {
    /// Loads rule files and directories of them.
    pub(super) fn load(paths: &[PathBuf], config: &'e Config, known: &'e Sources) -> anyhow::Result<Self> {
        if paths.is_empty() {
            bail!("no rules: name rule files with -r");
        }
        let mut loader = Loader::new(known.environment(config));
        for file in rule_files(paths)? {
            let name = file.display().to_string();
            let result = match std::fs::read(&file) {
                Ok(bytes) => loader.load(&name, &bytes),
                Err(error) => loader.unreadable(&name, &error),
            };
            super::engine::show(&result, loader.sources(), &mut std::io::sink())?;
        }
        Ok(RuleSource { loader })
    }

    pub(super) fn loader(&self) -> &Loader<'e> {
        &self.loader
    }

    /// The rules of system calls.
    pub(super) fn rules(&self) -> impl Iterator<Item = Rule<'_>> {
        self.loader.rules().filter(|rule| rule.labels.source == SYSCALL)
    }

    /// The rule of this name.
    pub(super) fn rule(&self, name: &str) -> anyhow::Result<Rule<'_>> {
        self.rules().find(|rule| rule.labels.name == name).ok_or_else(|| {
            let hint = crate::spell::hint(name, self.rules().map(|rule| rule.labels.name));
            anyhow!("no rule is called '{name}'{hint}")
        })
    }
}

//! Rules for the commands that look at them without detecting anything: loaded, with errors as text.

use std::path::PathBuf;

use anyhow::{anyhow, bail};

use crate::config::{CONTAINER, Config};
use crate::fields::FieldSchema;
use crate::rules::{Environment, Loader, Plugin, Rule, rule_files};

/// Loaded rules.
pub(super) struct RuleSource<'e> {
    loader: Loader<'e>,
}

/// What the built-in plugins provide, for as long as the program runs.
fn plugins(config: &Config) -> &'static [Plugin] {
    static CONTAINERS: std::sync::LazyLock<[Plugin; 1]> = std::sync::LazyLock::new(|| [Plugin::container()]);
    if config.has_plugin(CONTAINER) { &*CONTAINERS } else { &[] }
}

/// What rules are loaded against under a configuration.
pub(super) fn environment<'e>(config: &'e Config, schema: &'e FieldSchema) -> Environment<'e> {
    Environment { schema, plugins: plugins(config), append_output: &config.append_output }
}

impl<'e> RuleSource<'e> {
    /// Loads rule files and directories of them.
    pub(super) fn load(
        paths: &[PathBuf],
        config: &'e Config,
        schema: &'e FieldSchema,
    ) -> anyhow::Result<Self> {
        if paths.is_empty() {
            bail!("no rules: name rule files with -r");
        }
        let mut loader = Loader::new(environment(config, schema));
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

    /// The rule of this name.
    pub(super) fn rule(&self, name: &str) -> anyhow::Result<Rule<'_>> {
        self.loader.rules().find(|rule| rule.labels.name == name).ok_or_else(|| {
            let hint = crate::rule_tests::hint(name, self.loader.rules().map(|rule| rule.labels.name));
            anyhow!("no rule is called '{name}'{hint}")
        })
    }
}

//! `--version`: which Falco this is as good as, in the form that tools read (falcoctl chooses rule sets by it).

use std::io::Write;

use serde_json::{Value, json};

use super::super::sources::built_in;
use crate::config::Config;
use crate::plugins::Loaded;
use crate::rules::{ENGINE_VERSION, Plugin};

/// The Falco that Saker is compatible with.
pub(in crate::cli) const FALCO: &str = "0.44.1";

/// The versions of that Falco's parts.
const LIBS: &str = "0.25.4";
const PLUGIN_API: &str = "3.12.0";
const DRIVER_API: &str = "10.1.0";
const DRIVER: &str = "10.2.0+driver";

/// The event schema, which is that of the events here.
pub(super) const SCHEMA: &str = "4.5.1";

/// All of them, with those of the plugins that are on.
pub(in crate::cli) struct Versions {
    plugins: Vec<Plugin>,
}

impl Versions {
    pub(in crate::cli) fn new(config: &Config) -> Self {
        // A plugin that cannot be loaded has no version; whoever starts to detect with it hears why.
        let loaded = Loaded::of(config).unwrap_or_default();
        Versions { plugins: built_in(config).into_iter().chain(loaded.required()).collect() }
    }

    /// With Falco's keys, and `saker_version`.
    pub(in crate::cli) fn json(&self) -> Value {
        let mut versions = json!({
            "saker_version": env!("CARGO_PKG_VERSION"),
            "falco_version": FALCO,
            "libs_version": LIBS,
            "plugin_api_version": PLUGIN_API,
            "driver_api_version": DRIVER_API,
            "driver_schema_version": SCHEMA,
            "default_driver_version": DRIVER,
            "engine_version": ENGINE_VERSION.minor.to_string(),
            "engine_version_semver": ENGINE_VERSION.to_string(),
        });
        for Plugin { name, version, .. } in &self.plugins {
            versions["plugin_versions"][name] = version.to_string().into();
        }
        versions
    }

    pub(super) fn print(&self, json: bool, out: &mut impl Write) -> std::io::Result<()> {
        if json {
            return writeln!(out, "{}", self.json());
        }
        writeln!(out, "Falco version: {FALCO}")?;
        writeln!(out, "Libs version:  {LIBS}")?;
        writeln!(out, "Plugin API:    {PLUGIN_API}")?;
        writeln!(out, "Engine:        {ENGINE_VERSION}")?;
        writeln!(out, "Driver:")?;
        writeln!(out, "  API version:    {DRIVER_API}")?;
        writeln!(out, "  Schema version: {SCHEMA}")?;
        writeln!(out, "  Default driver: {DRIVER}")?;
        writeln!(out, "Saker version: {}", env!("CARGO_PKG_VERSION"))
    }
}

//! `--list-plugins`, `--plugin-info`: the plugins that are built in.

use std::io::{self, Write};

use anyhow::bail;

use super::super::sources::plugins;
use crate::config::{CONTAINER, Config};
use crate::k8s::audit;
use crate::rules::Plugin;

/// Prints the plugins that are on.
pub(super) fn list(config: &Config, out: &mut impl Write) -> io::Result<()> {
    let plugins = plugins(config);
    writeln!(out, "{} Plugins Loaded:\n", plugins.len())?;
    for plugin in &plugins {
        describe(plugin, out)?;
        writeln!(out)?;
    }
    writeln!(out)
}

/// Prints what there is to know of a plugin.
pub(super) fn info(name: &str, config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let library = config.plugins.iter().find(|plugin| plugin.library_path.as_os_str() == name);
    let name = library.map_or(name, |plugin| &plugin.name);
    let Some(plugin) = plugins(config).into_iter().find(|plugin| plugin.name == name) else {
        bail!("can't find plugin and print its info: {name}");
    };
    describe(&plugin, out)?;
    writeln!(out)?;
    writeln!(
        out,
        "Init config schema type: Not available, plugin does not implement the init config schema functionality\n\n"
    )?;
    Ok(())
}

/// What the built-in plugins are for, and what they can do in Falco's words.
const ABOUT: &[(&str, &str, &[&str])] = &[
    (
        CONTAINER,
        "The fields of containers and pods (built into Saker)",
        &["Field Extraction", "Event Parsing"],
    ),
    (
        audit::K8SAUDIT,
        "The Kubernetes audit log (built into Saker)",
        &["Event Sourcing (ID=1, source='k8s_audit')", "Field Extraction"],
    ),
    (audit::JSON, "The fields of JSON documents (built into Saker)", &["Field Extraction"]),
];

fn describe(plugin: &Plugin, out: &mut impl Write) -> io::Result<()> {
    let Plugin { name, version } = plugin;
    let about = ABOUT.iter().find(|(known, _, _)| known == name);
    let (_, description, capabilities) = about.copied().unwrap_or_default();
    writeln!(out, "Name: {name}")?;
    writeln!(out, "Description: {description}")?;
    writeln!(out, "Contact: {}", env!("CARGO_PKG_REPOSITORY"))?;
    writeln!(out, "Version: {version}")?;
    writeln!(out, "Capabilities: ")?;
    capabilities.iter().try_for_each(|capability| writeln!(out, "  - {capability}"))
}

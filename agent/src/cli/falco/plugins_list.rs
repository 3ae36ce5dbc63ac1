//! `--list-plugins`, `--plugin-info`: the plugins that are built in, and those that are loaded.

use std::io::{self, Write};

use anyhow::bail;

use super::super::sources::built_in;
use crate::config::{CONTAINER, Config};
use crate::k8s::audit;
use crate::plugins::process::open_params;
use crate::plugins::{Info, Loaded, Settings};

/// Prints the plugins that are on.
pub(super) fn list(config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let plugins = all(config)?;
    writeln!(out, "{} Plugins Loaded:\n", plugins.len())?;
    for plugin in &plugins {
        plugin.write(out)?;
        writeln!(out)?;
    }
    Ok(writeln!(out)?)
}

/// Prints what there is to know of a plugin.
pub(super) fn info(name: &str, config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let library = config.plugins.iter().find(|plugin| plugin.library_path.as_os_str() == name);
    let name = library.map_or(name, |plugin| &plugin.name);
    let mut plugins = all(config)?.into_iter();
    let Some(plugin) = plugins.find(|plugin| plugin.name == name || plugin.configured == name) else {
        bail!("can't find plugin and print its info: {name}");
    };
    plugin.write(out)?;
    writeln!(out)?;
    match &plugin.init_schema {
        Some(schema) => writeln!(out, "Init config schema type: JSON\n{schema}\n")?,
        None => writeln!(
            out,
            "Init config schema type: Not available, plugin does not implement the init config schema functionality\n\n"
        )?,
    }
    let Some(settings) = plugin.source else { return Ok(()) };
    let params = open_params(&settings)?;
    if params.is_empty() {
        writeln!(out, "No suggested open params available: the plugin does not list any\n")?;
        return Ok(());
    }
    writeln!(out, "Suggested open params:")?;
    for (value, about) in params {
        writeln!(out, "{value}{}{about}", if about.is_empty() { "" } else { ": " })?;
    }
    writeln!(out)?;
    Ok(())
}

/// What is shown of a plugin.
struct Shown {
    /// What the configuration calls it.
    configured: String,
    name: String,
    description: String,
    contact: String,
    version: String,
    /// What it can do, in Falco's words.
    capabilities: Vec<String>,
    init_schema: Option<String>,
    /// How it is loaded, if it has a source that can be opened.
    source: Option<Settings>,
}

/// All plugins that are on.
fn all(config: &Config) -> anyhow::Result<Vec<Shown>> {
    let built_in = built_in(config).into_iter().map(|plugin| {
        let about = ABOUT.iter().find(|(known, _, _)| *known == plugin.name);
        let (_, description, capabilities) = about.copied().unwrap_or_default();
        Shown {
            configured: plugin.name.clone(),
            description: description.to_owned(),
            contact: env!("CARGO_PKG_REPOSITORY").to_owned(),
            version: plugin.version.to_string(),
            capabilities: capabilities.iter().map(|&capability| capability.to_owned()).collect(),
            init_schema: None,
            source: None,
            name: plugin.name,
        }
    });
    let loaded = Loaded::of(config)?.plugins.into_iter().map(|plugin| {
        let capabilities = capabilities(&plugin.info);
        let Info { name, version, description, contact, init_schema, source, .. } = plugin.info;
        let configured = plugin.settings.name.clone();
        let source = source.is_some().then_some(plugin.settings);
        Shown { configured, name, description, contact, version, capabilities, init_schema, source }
    });
    Ok(built_in.chain(loaded).collect())
}

fn capabilities(info: &Info) -> Vec<String> {
    let source = info.source.as_ref().map(|source| match source.id {
        0 => "Event Sourcing".to_owned(),
        id => format!("Event Sourcing (ID={id}, source='{}')", source.name),
    });
    let plain = [
        (info.extract.is_some(), "Field Extraction"),
        (info.parse.is_some(), "Event Parsing"),
        (info.asynchronous.is_some(), "Async Events"),
        (info.listens, "Capture Listening"),
    ];
    let plain = plain.into_iter().filter(|(can, _)| *can).map(|(_, capability)| capability.to_owned());
    source.into_iter().chain(plain).collect()
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

impl Shown {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "Name: {}", self.name)?;
        writeln!(out, "Description: {}", self.description)?;
        writeln!(out, "Contact: {}", self.contact)?;
        writeln!(out, "Version: {}", self.version)?;
        writeln!(out, "Capabilities: ")?;
        self.capabilities.iter().try_for_each(|capability| writeln!(out, "  - {capability}"))
    }
}

//! `--list-plugins`, `--plugin-info`: the plugin that is built in.

use std::io::{self, Write};

use anyhow::bail;

use crate::config::{CONTAINER, Config};
use crate::rules::Plugin;

/// Prints the plugins that are on.
pub(super) fn list(config: &Config, out: &mut impl Write) -> io::Result<()> {
    let on = config.has_plugin(CONTAINER);
    writeln!(out, "{} Plugins Loaded:\n", u8::from(on))?;
    if on {
        describe(out)?;
        writeln!(out)?;
    }
    writeln!(out)
}

/// Prints what there is to know of a plugin.
pub(super) fn info(name: &str, config: &Config, out: &mut impl Write) -> anyhow::Result<()> {
    let library = config.plugins.iter().find(|plugin| plugin.library_path.as_os_str() == name);
    let name = library.map_or(name, |plugin| &plugin.name);
    if name != CONTAINER || !config.has_plugin(CONTAINER) {
        bail!("can't find plugin and print its info: {name}");
    }
    describe(out)?;
    writeln!(out)?;
    writeln!(
        out,
        "Init config schema type: Not available, plugin does not implement the init config schema functionality\n\n"
    )?;
    Ok(())
}

fn describe(out: &mut impl Write) -> io::Result<()> {
    let Plugin { name, version } = Plugin::container();
    writeln!(out, "Name: {name}")?;
    writeln!(out, "Description: The fields of containers and pods (built into Saker)")?;
    writeln!(out, "Contact: {}", env!("CARGO_PKG_REPOSITORY"))?;
    writeln!(out, "Version: {version}")?;
    writeln!(out, "Capabilities: ")?;
    writeln!(out, "  - Field Extraction\n  - Event Parsing")
}

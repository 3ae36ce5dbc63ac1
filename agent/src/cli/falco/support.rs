//! `--support`: what a maintainer asks for first; `--page-size`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use nix::sys::utsname::uname;
use nix::unistd::{SysconfVar, sysconf};
use serde_json::{Value, json};

use super::shown;
use super::versions::{FALCO, Versions};
use crate::config::Config;

/// Bytes of a memory page.
pub(super) fn page_size() -> anyhow::Result<i64> {
    sysconf(SysconfVar::PAGE_SIZE)?.ok_or_else(|| anyhow!("the system does not tell the size of a page"))
}

/// Prints one JSON object.
pub(super) fn print(
    config: &Config,
    file: Option<&Path>,
    rules: &[PathBuf],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let text = |path: &Path| -> anyhow::Result<String> {
        let bytes = fs::read(path).with_context(|| shown(path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let files: Vec<Value> = rules
        .iter()
        .map(|path| Ok(json!({ "name": shown(path), "variants": [{ "content": text(path)? }] })))
        .collect::<anyhow::Result<_>>()?;
    let system = uname()?;
    let arguments: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let support = json!({
        "version": FALCO,
        "engine_info": Versions::new(config).json(),
        "system_info": {
            "sysname": system.sysname().to_string_lossy(),
            "nodename": system.nodename().to_string_lossy(),
            "release": system.release().to_string_lossy(),
            "version": system.version().to_string_lossy(),
            "machine": system.machine().to_string_lossy(),
        },
        "cmdline": arguments.join(" "),
        "config": file.map(text).transpose()?.unwrap_or_default(),
        "rules_files": files,
    });
    writeln!(out, "{support}")?;
    Ok(())
}

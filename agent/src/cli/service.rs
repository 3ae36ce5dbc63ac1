//! What stands beside a run and looks at it: the web server, the snapshots, and what they tell.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::utsname::uname;
use nix::time::{ClockId, clock_gettime};

use super::falco::versions::{FALCO, Versions};
use super::guard;
use super::notify::Notify;
use super::orders::Desk;
use super::reload::Given;
use crate::alerts::now;
use crate::config;
use crate::metrics::{About, Monitor, Snapshots, Telemetry};
use crate::web::{Content, Server};

/// After so long without a sign of the loop detection does not go on.
const STILL: Duration = Duration::from_secs(15);

/// Starts what the configuration asks for.
///
/// # Errors
/// If an address, a certificate or a file cannot be used.
pub(super) fn start(given: &Given, telemetry: &Telemetry, desk: &Desk) -> anyhow::Result<()> {
    let config = &given.config;
    if let Some(notify) = Notify::from_environment() {
        telemetry.listen(Box::new(move |sign| notify.tell(sign)));
    }
    if config.saker.self_protection {
        guard::start(desk.clone())?;
    }
    let monitor = Monitor::new(telemetry.clone(), about(), config.metrics.clone());
    let snapshots = Snapshots::new(monitor.clone()).context("metrics.output_file")?;
    if snapshots.wanted() {
        snapshots.start(desk.alerts())?;
    }
    let webserver = &config.webserver;
    if !webserver.enabled {
        return Ok(());
    }
    let telemetry = telemetry.clone();
    let wanted = webserver.prometheus_metrics_enabled && config.metrics.enabled;
    if webserver.prometheus_metrics_enabled && !config.metrics.enabled {
        tracing::warn!(
            "webserver.prometheus_metrics_enabled: there is nothing to show without metrics.enabled"
        );
    }
    let content = Content {
        versions: Versions::new(config).json().to_string(),
        healthy: Box::new(move || telemetry.since_beat().is_some_and(|since| since < STILL)),
        metrics: wanted.then(|| Box::new(move || monitor.prometheus()) as Box<_>),
    };
    let server =
        Server::start(webserver, default_address(given.config_files.first().map(|path| &**path)), content)?;
    let scheme = if webserver.ssl_enabled { "https" } else { "http" };
    tracing::info!("web server: {scheme}://{}", server.address());
    Ok(())
}

/// Where the web server listens if nobody says: a Falco's configuration means all addresses, as there; any other this host.
fn default_address(file: Option<&Path>) -> IpAddr {
    match file.and_then(Path::file_name) {
        Some(name) if name == "falco.yaml" => Ipv4Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::LOCALHOST.into(),
    }
}

fn about() -> About {
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
    let since_boot = u64::try_from(boot.as_nanos()).unwrap_or(0);
    About {
        falco_version: FALCO,
        hostname: config::hostname(),
        kernel_release: uname()
            .map(|uname| uname.release().to_string_lossy().into_owned())
            .unwrap_or_default(),
        boot: now().saturating_sub(since_boot),
        cpus: std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_configuration_of_falco_listens_everywhere() {
        for (file, everywhere) in [
            (Some("/etc/falco/falco.yaml"), true),
            (Some("falco.yaml"), true),
            (Some("/etc/saker/saker.yaml"), false),
            (None, false),
        ] {
            assert_eq!(default_address(file.map(Path::new)).is_unspecified(), everywhere, "{file:?}");
        }
    }
}

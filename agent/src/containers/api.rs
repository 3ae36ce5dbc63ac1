//! Docker and Podman by their API sockets: what they say of a container, and which containers they have or make.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::http::{self, escaped};
use super::info::{Info, Mount, Port, Probe, cpus_in, repository_and_tag};
use super::settings::{Hook, Settings};
use super::{EngineError, Found};
use crate::state::ContainerType;

/// The label in which Kubernetes keeps what a pod was made from.
const LAST_APPLIED: &str = "io.kubernetes.container.last-applied-config";
/// The version of Podman's own API that is asked for: the oldest that has all that is read.
const LIBPOD: &str = "/v4.0.0/libpod";

/// An engine that is asked over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) kind: ContainerType,
    pub(super) socket: PathBuf,
}

/// A container as `GET /containers/ID/json` tells of it. Podman's form has the same names and some of its own.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Inspected {
    #[serde(rename = "Id")]
    id: String,
    created: Option<String>,
    name: String,
    image: String,
    image_name: String,
    image_digest: String,
    size_rw: Option<i64>,
    mounts: Option<Vec<InspectedMount>>,
    config: Option<InspectedConfig>,
    host_config: Option<HostConfig>,
    network_settings: Option<NetworkSettings>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct InspectedMount {
    source: String,
    destination: String,
    mode: String,
    #[serde(rename = "RW")]
    rdwr: bool,
    propagation: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct InspectedConfig {
    image: String,
    user: String,
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    healthcheck: Option<HealthCheck>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HealthCheck {
    test: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    network_mode: String,
    ipc_mode: String,
    pid_mode: String,
    privileged: bool,
    cpu_shares: i64,
    cpu_period: i64,
    cpu_quota: i64,
    cpuset_cpus: String,
    memory: i64,
    memory_swap: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    #[serde(rename = "IPAddress")]
    address: String,
    networks: Option<BTreeMap<String, Network>>,
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Network {
    #[serde(rename = "IPAddress")]
    address: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Binding {
    #[serde(rename = "HostIp")]
    ip: String,
    #[serde(rename = "HostPort")]
    port: String,
}

/// An image as `GET /images/NAME/json` tells of it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Image {
    repo_digests: Option<Vec<String>>,
    repo_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Id")]
    id: String,
}

/// An event of an engine. Docker names the id in `id` and `Actor.ID`, Podman in `Actor.ID` at least.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Told {
    id: String,
    #[serde(rename = "Actor")]
    actor: Actor,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes")]
    attributes: BTreeMap<String, String>,
}

impl Api {
    fn is_podman(&self) -> bool {
        self.kind == ContainerType::Podman
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        patience: Duration,
    ) -> Result<Option<T>, EngineError> {
        let Some(answer) = http::get(&self.socket, path, patience).await? else { return Ok(None) };
        serde_json::from_slice(&answer).map(Some).map_err(EngineError::malformed)
    }

    /// What the engine knows of a container.
    pub(super) async fn inspect(&self, id: &str, settings: &Settings) -> Result<Option<Info>, EngineError> {
        let prefix = if self.is_podman() { LIBPOD } else { "" };
        let size = if settings.with_size { "?size=true" } else { "" };
        let path = format!("{prefix}/containers/{}/json{size}", escaped(id));
        // An engine that is just starting the container answers when that is done. As long as events wait for it, it may.
        let patience = http::PATIENCE.max(settings.wait);
        let Some(told) = self.get::<Inspected>(&path, patience).await? else { return Ok(None) };
        // Names are ids to an engine, too: another container may be called as this one is numbered.
        if !told.id.starts_with(id) {
            return Ok(None);
        }
        let mut info = self.info(&told, settings);
        if !self.is_podman() {
            let path = format!("/images/{}/json", escaped(&told.image));
            name_image(&mut info, self.get(&path, patience).await?.unwrap_or_default());
            self.shared_address(&mut info, &told).await;
        }
        Ok(Some(info))
    }

    fn info(&self, told: &Inspected, settings: &Settings) -> Info {
        let mut info = Info::new(self.kind, &told.id);
        info.name = told.name.trim_start_matches('/').to_owned();
        info.is_pod_sandbox = info.name.contains("k8s_POD");
        info.created_time = seconds(told.created.as_deref().unwrap_or_default());
        info.size = told.size_rw.filter(|_| settings.with_size).unwrap_or(-1);
        info.mounts = told.mounts.iter().flatten().map(mount).collect();
        if self.is_podman() {
            info.image.clone_from(&told.image_name);
            info.image_id.clone_from(&told.image);
            info.image_digest.clone_from(&told.image_digest);
            let (repository, tag) = repository_and_tag(&told.image_name);
            (info.image_repo, info.image_tag) = (repository.to_owned(), tag.to_owned());
        } else if !told.image.contains('/') {
            info.image_id = told.image.split_once(':').map_or("", |(_, id)| id).to_owned();
        }
        if let Some(config) = &told.config {
            if !self.is_podman() {
                info.image.clone_from(&config.image);
            }
            info.user.clone_from(&config.user);
            info.env.extend(config.env.iter().flatten().cloned());
            info.label(config.labels.iter().flatten(), settings.label_max_len);
            probes(&mut info, config);
        }
        if let Some(host) = &told.host_config {
            info.host_ipc = host.ipc_mode == "host";
            info.host_network = host.network_mode == "host";
            info.host_pid = host.pid_mode == "host";
            info.privileged = host.privileged;
            let given = |value: i64, default: i64| if value > 0 { value } else { default };
            info.cpu_period = given(host.cpu_period, info.cpu_period);
            info.cpu_shares = given(host.cpu_shares, info.cpu_shares);
            info.cpu_quota = host.cpu_quota;
            info.cpuset_cpu_count = cpus_in(&host.cpuset_cpus);
            info.memory_limit = host.memory;
            info.swap_limit = host.memory_swap;
        }
        if let Some(network) = &told.network_settings {
            info.ip = network.first_address().to_owned();
            info.port_mappings = network.ports().collect();
        }
        info
    }

    /// A container that shares the network of another has its address.
    async fn shared_address(&self, info: &mut Info, told: &Inspected) {
        let mode = told.host_config.as_ref().map_or("", |host| &host.network_mode);
        let Some(other) = mode.strip_prefix("container:").filter(|_| info.ip.is_empty()) else { return };
        let path = format!("/containers/{}/json", escaped(other));
        if let Ok(Some(Inspected { network_settings: Some(network), .. })) =
            self.get(&path, http::PATIENCE).await
        {
            info.ip = network.first_address().to_owned();
        }
    }

    /// The containers that there are.
    pub(super) async fn list(&self) -> Result<Vec<Found>, EngineError> {
        let prefix = if self.is_podman() { LIBPOD } else { "" };
        let path = format!("{prefix}/containers/json");
        let listed: Vec<Listed> = self.get(&path, http::PATIENCE).await?.unwrap_or_default();
        Ok(listed.into_iter().map(|one| Found::new(&one.id)).collect())
    }

    /// Tells of containers that are made, and what is said of them at once, until the engine ends it.
    pub(super) async fn watch(
        &self,
        settings: &Settings,
        mut found: impl FnMut(Found, Info),
    ) -> Result<(), EngineError> {
        let events: Vec<&str> = settings.hooks.iter().map(|hook| hook.word()).collect();
        let filters = serde_json::json!({ "type": ["container"], "event": events }).to_string();
        let prefix = if self.is_podman() { LIBPOD } else { "" };
        let stream = if self.is_podman() { "&stream=true" } else { "" };
        let path = format!("{prefix}/events?filters={}{stream}", escaped(&filters));
        http::lines(&self.socket, &path, |line| {
            let told = serde_json::from_slice::<Told>(line).unwrap_or_default();
            let id = if told.actor.id.is_empty() { told.id } else { told.actor.id };
            if !id.is_empty() {
                found(Found::new(&id), self.announced(&id, told.actor.attributes, settings));
            }
        })
        .await
    }

    /// What an event says of a container: its name and its image, and of Docker's the labels, between other things.
    fn announced(&self, id: &str, attributes: BTreeMap<String, String>, settings: &Settings) -> Info {
        let mut info = Info::new(self.kind, id);
        info.incomplete = true;
        let said = |name: &str| attributes.get(name).cloned().unwrap_or_default();
        (info.name, info.image) = (said("name"), said("image"));
        let (repository, tag) = repository_and_tag(&info.image);
        (info.image_repo, info.image_tag) = (repository.to_owned(), tag.to_owned());
        if !self.is_podman() {
            let labels = attributes.iter().filter(|(name, _)| *name != "name" && *name != "image");
            info.label(labels, settings.label_max_len);
        }
        info
    }
}

impl Hook {
    /// As events are named.
    fn word(self) -> &'static str {
        match self {
            Hook::Create => "create",
            Hook::Start => "start",
        }
    }
}

fn mount(told: &InspectedMount) -> Mount {
    Mount {
        source: told.source.clone(),
        destination: told.destination.clone(),
        mode: told.mode.clone(),
        rdwr: told.rdwr,
        propagation: told.propagation.clone(),
    }
}

/// Digest, repository and tag of Docker's image.
fn name_image(info: &mut Info, image: Image) {
    let wanted = repository_and_tag(&info.image);
    let of = |name: &str| repository_and_tag(name).0.to_owned();
    let digests: Vec<(String, &str)> = image
        .repo_digests
        .iter()
        .flatten()
        .filter_map(|name| {
            let (repository, digest) = name.split_once('@')?;
            Some((repository.to_owned(), digest))
        })
        .collect();
    // The image may have several names: that by which it was asked for is the container's.
    let chosen = digests.iter().find(|(repository, _)| repository == wanted.0).or(digests.first());
    let tags: Vec<&String> = image.repo_tags.iter().flatten().collect();
    let tag = tags.iter().find(|name| **name == &info.image);
    let tag = tag.or_else(|| tags.iter().find(|name| of(name) == wanted.0)).or(tags.first());
    let mut repository = chosen.map(|(repository, _)| repository.clone());
    let mut tagged = String::new();
    if let Some(name) = tag {
        let (of_tag, tag) = repository_and_tag(name);
        if repository.as_deref().is_none_or(|repository| repository == of_tag) {
            repository.get_or_insert_with(|| of_tag.to_owned());
            tagged = tag.to_owned();
        }
    }
    if let Some((_, digest)) = chosen {
        info.image_digest = (*digest).to_owned();
    }
    info.image_repo = repository.unwrap_or_else(|| wanted.0.to_owned());
    info.image_tag = if tagged.is_empty() { wanted.1.to_owned() } else { tagged };
}

/// The programs that say whether it is well: Kubernetes's own, else the engine's.
fn probes(info: &mut Info, config: &InspectedConfig) {
    if let Some(applied) = config.labels.as_ref().and_then(|labels| labels.get(LAST_APPLIED)) {
        (info.liveness, info.readiness) = applied_probes(applied);
    }
    if info.liveness.is_none() && info.readiness.is_none() {
        let test = config.healthcheck.as_ref().and_then(|check| check.test.as_deref());
        info.healthcheck = match test.unwrap_or_default() {
            [kind, command, ..] if kind == "CMD-SHELL" => {
                Some(Probe { exe: "/bin/sh".to_owned(), args: vec!["-c".to_owned(), command.clone()] })
            }
            [kind, exe, args @ ..] if kind == "CMD" => Some(Probe { exe: exe.clone(), args: args.to_vec() }),
            _ => None,
        };
    }
}

/// Liveness and readiness of the first container of a pod's description.
pub(super) fn applied_probes(json: &str) -> (Option<Probe>, Option<Probe>) {
    let pod: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let probe = |kind: &str| {
        let command = pod.pointer(&format!("/spec/containers/0/{kind}/exec/command"))?.as_array()?;
        let mut words = command.iter().map(|word| word.as_str().unwrap_or_default().to_owned());
        Some(Probe { exe: words.next()?, args: words.collect() })
    };
    (probe("livenessProbe"), probe("readinessProbe"))
}

impl NetworkSettings {
    fn first_address(&self) -> &str {
        let networks = self.networks.iter().flatten().map(|(_, network)| network.address.as_str());
        std::iter::once(self.address.as_str()).chain(networks).find(|ip| !ip.is_empty()).unwrap_or_default()
    }

    fn ports(&self) -> impl Iterator<Item = Port> + '_ {
        self.ports.iter().flatten().flat_map(|(name, bindings)| {
            let container_port = name.strip_suffix("/tcp").and_then(|port| port.parse().ok());
            bindings.iter().flatten().filter_map(move |binding| {
                let ip = if binding.ip.is_empty() { "0.0.0.0" } else { &binding.ip };
                Some(Port {
                    host_ip: u32::from(ip.parse::<Ipv4Addr>().ok()?),
                    host_port: binding.port.parse().ok()?,
                    container_port: container_port?,
                })
            })
        })
    }
}

/// A time of RFC 3339 in seconds since the epoch; 0 if it is none.
pub(super) fn seconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().map_or(0, |time| time.as_second())
}

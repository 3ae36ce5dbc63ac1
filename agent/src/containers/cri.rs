//! The runtimes of Kubernetes by their common interface (CRI): what containerd and CRI-O say of containers and pods. Each
//! puts what the interface has no place for into a JSON text of its own.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::grpc::{Remote, refused};
use super::info::{Info, Mount, cpus_in, repository_and_tag};
use super::messages::{
    ContainerEvent, ContainerFilter, ContainerStatsRequest, ContainerStatsResponse, ContainerStatus,
    ContainerStatusRequest, ContainerStatusResponse, GetEventsRequest, ListContainersRequest,
    ListContainersResponse, ListPodSandboxRequest, ListPodSandboxResponse, PodSandboxStatus,
    PodSandboxStatusRequest, PodSandboxStatusResponse, Version, VersionRequest,
};
use super::settings::{Hook, Settings};
use super::{EngineError, Found};
use crate::state::ContainerType;

/// `NamespaceMode`: the host's.
const NODE: i32 = 2;

/// A runtime of Kubernetes.
#[derive(Clone, Debug)]
pub(super) struct Cri {
    remote: Remote,
    /// Which one it is, once it has said so.
    kind: OnceLock<ContainerType>,
}

/// The JSON of a container.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    /// CRI-O.
    privileged: Option<bool>,
    /// containerd.
    config: Option<Config>,
    #[serde(rename = "runtimeSpec")]
    runtime_spec: Option<RuntimeSpec>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    image: Option<ConfigImage>,
    envs: Option<Vec<Variable>>,
    linux: Option<ConfigLinux>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ConfigImage {
    image: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Variable {
    key: String,
    value: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ConfigLinux {
    security_context: Option<SecurityContext>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SecurityContext {
    privileged: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RuntimeSpec {
    annotations: Option<BTreeMap<String, String>>,
    process: Option<SpecProcess>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SpecProcess {
    env: Option<Vec<String>>,
}

/// The JSON of a pod's sandbox.
#[derive(Deserialize, Default)]
#[serde(default)]
struct SandboxDetails {
    #[serde(rename = "cniResult")]
    cni_result: Option<CniResult>,
    #[serde(rename = "runtimeSpec")]
    runtime_spec: Option<RuntimeSpec>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CniResult {
    #[serde(rename = "Interfaces", alias = "interfaces")]
    interfaces: Value,
}

/// The text that both runtimes call `info`.
fn details<T: Default + for<'d> Deserialize<'d>>(info: &HashMap<String, String>) -> T {
    info.get("info").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

impl Details {
    fn annotation(&self, name: &str) -> Option<&str> {
        let text = self.runtime_spec.as_ref()?.annotations.as_ref()?.get(name)?;
        Some(text).filter(|text| !text.is_empty()).map(String::as_str)
    }

    fn is_privileged(&self) -> bool {
        let linux = self.config.as_ref().and_then(|config| config.linux.as_ref());
        let asked = linux.and_then(|linux| linux.security_context.as_ref()?.privileged);
        asked.or(self.privileged).unwrap_or(false)
    }

    fn env(&self) -> Vec<String> {
        if let Some(envs) = self.config.as_ref().and_then(|config| config.envs.as_ref()) {
            return envs.iter().map(|variable| format!("{}={}", variable.key, variable.value)).collect();
        }
        let process = self.runtime_spec.as_ref().and_then(|spec| spec.process.as_ref());
        process.and_then(|process| process.env.clone()).unwrap_or_default()
    }
}

impl SandboxDetails {
    /// Its network, but for what every pod has.
    fn cni_json(self) -> String {
        let spec = self.runtime_spec.and_then(|spec| spec.annotations).unwrap_or_default();
        if let Some(text) = spec.get("io.kubernetes.cri-o.CNIResult") {
            return text.clone();
        }
        let dull = |name: &str| name == "lo" || name.starts_with("veth");
        match self.cni_result.unwrap_or_default().interfaces {
            Value::Object(mut interfaces) => {
                interfaces.retain(|name, _| !dull(name));
                if interfaces.is_empty() { String::new() } else { Value::Object(interfaces).to_string() }
            }
            Value::Array(mut interfaces) => {
                interfaces.retain(|one| !one["name"].as_str().is_some_and(dull));
                if interfaces.is_empty() { String::new() } else { Value::Array(interfaces).to_string() }
            }
            _ => String::new(),
        }
    }
}

impl Cri {
    /// Must be called in a runtime.
    pub(super) fn new(socket: PathBuf) -> Cri {
        Cri { remote: Remote::new(socket), kind: OnceLock::new() }
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    async fn kind(&self) -> Result<ContainerType, EngineError> {
        if let Some(kind) = self.kind.get() {
            return Ok(*kind);
        }
        let version: Option<Version> =
            self.remote.call("/runtime.v1.RuntimeService/Version", None, VersionRequest {}).await?;
        let kind = match version.unwrap_or_default().runtime_name.as_str() {
            "containerd" => ContainerType::Containerd,
            "cri-o" => ContainerType::Crio,
            _ => ContainerType::Cri,
        };
        Ok(*self.kind.get_or_init(|| kind))
    }

    async fn listed(&self, id: &str) -> Result<ListContainersResponse, EngineError> {
        let filter = (!id.is_empty()).then(|| ContainerFilter { id: id.to_owned() });
        let method = "/runtime.v1.RuntimeService/ListContainers";
        Ok(self.remote.call(method, None, ListContainersRequest { filter }).await?.unwrap_or_default())
    }

    async fn sandbox(&self, id: &str) -> Result<Option<PodSandboxStatusResponse>, EngineError> {
        let method = "/runtime.v1.RuntimeService/PodSandboxStatus";
        let question = PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: true };
        self.remote.call(method, None, question).await
    }

    /// What the runtime knows of a container, or of a pod's sandbox.
    pub(super) async fn inspect(&self, id: &str, settings: &Settings) -> Result<Option<Info>, EngineError> {
        let kind = self.kind().await?;
        let listed = self.listed(id).await?;
        let Some(listed) = listed.containers.into_iter().find(|one| one.id.starts_with(id)) else {
            return Ok(self.sandbox(id).await?.and_then(|told| pod_info(kind, told, settings)));
        };
        let method = "/runtime.v1.RuntimeService/ContainerStatus";
        let question = ContainerStatusRequest { container_id: listed.id.clone(), verbose: true };
        let told: Option<ContainerStatusResponse> = self.remote.call(method, None, question).await?;
        let Some(ContainerStatusResponse { status: Some(status), info }) = told else { return Ok(None) };
        let mut container = container_info(kind, &status, &details(&info), settings);
        container.pod_sandbox_id.clone_from(&listed.pod_sandbox_id);
        if let Some(pod) = self.sandbox(&listed.pod_sandbox_id).await? {
            of_pod(&mut container, pod, settings);
        }
        if settings.with_size {
            container.size = self.size(&listed.id).await.unwrap_or(-1);
        }
        Ok(Some(container))
    }

    async fn size(&self, id: &str) -> Option<i64> {
        let method = "/runtime.v1.RuntimeService/ContainerStats";
        let question = ContainerStatsRequest { container_id: id.to_owned() };
        let told: ContainerStatsResponse = self.remote.call(method, None, question).await.ok()??;
        i64::try_from(told.stats?.writable_layer?.used_bytes?.value).ok()
    }

    /// The containers and sandboxes that there are.
    pub(super) async fn list(&self) -> Result<Vec<Found>, EngineError> {
        let mut found: Vec<Found> =
            self.listed("").await?.containers.iter().map(|one| Found::new(&one.id)).collect();
        let method = "/runtime.v1.RuntimeService/ListPodSandbox";
        let pods: Option<ListPodSandboxResponse> =
            self.remote.call(method, None, ListPodSandboxRequest {}).await?;
        found.extend(pods.unwrap_or_default().items.iter().map(|one| Found::new(&one.id)));
        Ok(found)
    }

    /// Tells of containers that are made, until the runtime ends it. Not every runtime offers that.
    pub(super) async fn watch(
        &self,
        settings: &Settings,
        mut found: impl FnMut(Found),
    ) -> Result<(), EngineError> {
        let method = "/runtime.v1.RuntimeService/GetContainerEvents";
        let mut events = self.remote.stream::<_, ContainerEvent>(method, GetEventsRequest {}).await?;
        while let Some(event) = events.message().await.map_err(|status| refused(&status))? {
            let hook = match event.kind {
                0 => Hook::Create,
                1 => Hook::Start,
                _ => continue,
            };
            if settings.hooks.contains(&hook) {
                found(Found::new(&event.container_id));
            }
        }
        Ok(())
    }
}

fn container_info(
    kind: ContainerType,
    status: &ContainerStatus,
    details: &Details,
    settings: &Settings,
) -> Info {
    let mut info = Info::new(kind, &status.id);
    info.name = status.metadata.as_ref().map(|metadata| metadata.name.clone()).unwrap_or_default();
    info.created_time = status.created_at / 1_000_000_000;
    info.label(&status.labels, settings.label_max_len);
    info.env = details.env();
    info.privileged = details.is_privileged();
    let user = status.user.as_ref().and_then(|user| user.linux.as_ref());
    info.user = user.map_or(0, |user| user.uid).to_string();
    info.mounts = status
        .mounts
        .iter()
        .map(|mount| Mount {
            source: mount.host_path.clone(),
            destination: mount.container_path.clone(),
            rdwr: !mount.readonly,
            propagation: match mount.propagation {
                0 => "private",
                1 => "rslave",
                2 => "rshared",
                _ => "unknown",
            }
            .to_owned(),
            ..Mount::default()
        })
        .collect();
    if let Some(linux) = status.resources.as_ref().and_then(|resources| resources.linux.as_ref()) {
        let given = |value: i64, default: i64| if value > 0 { value } else { default };
        info.cpu_period = given(linux.cpu_period, info.cpu_period);
        info.cpu_shares = given(linux.cpu_shares, info.cpu_shares);
        info.cpu_quota = linux.cpu_quota;
        info.cpuset_cpu_count = cpus_in(&linux.cpuset_cpus);
        info.memory_limit = linux.memory_limit;
        info.swap_limit = linux.memory_swap_limit;
    }
    name_image(&mut info, status, details);
    info
}

/// Name, tag, digest and id of the image. A runtime refers to it by a name with a digest, or by a digest alone; then the name
/// is in the pod's own words.
fn name_image(info: &mut Info, status: &ContainerStatus, details: &Details) {
    let spec = status.image.clone().unwrap_or_default();
    let nameless = |name: &str| name.is_empty() || name.starts_with("sha256") || is_id(name);
    let mut name = spec.image.clone();
    let mut referred = None;
    if let Some((repository, digest)) = status.image_ref.split_once("@sha256:") {
        info.image_digest = format!("sha256:{digest}");
        referred = Some(repository);
        let tag = repository_and_tag(&spec.image).1;
        if !nameless(&name) {
            name = if tag.is_empty() { repository.to_owned() } else { format!("{repository}:{tag}") };
        }
    } else if status.image_ref.starts_with("sha256:") {
        info.image_digest.clone_from(&status.image_ref);
    }
    if nameless(&name) {
        let annotations =
            ["io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", "io.kubernetes.cri-o.Image"];
        let told = annotations.iter().filter_map(|name| details.annotation(name));
        let asked = Some(spec.user_specified_image.as_str());
        let mut names = told.chain(asked).chain(referred).filter(|name| !nameless(name));
        if let Some(told) = names.next() {
            name = told.to_owned();
        }
    }
    let (repository, tag) = repository_and_tag(&name);
    (info.image_repo, info.image_tag) = (repository.to_owned(), tag.to_owned());
    info.image = name;
    let asked = details.config.as_ref().and_then(|config| config.image.as_ref());
    let id = asked.map_or("", |image| &image.image);
    let id = id.split_once("sha256:").map_or(id, |(_, id)| id);
    info.image_id = if id.is_empty() { status.image_id.clone() } else { id.to_owned() };
}

fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a container has from its pod.
fn of_pod(info: &mut Info, told: PodSandboxStatusResponse, settings: &Settings) {
    let Some(status) = told.status else { return };
    info.cni_json = details::<SandboxDetails>(&told.info).cni_json();
    take_pod(info, &status, settings);
}

fn take_pod(info: &mut Info, status: &PodSandboxStatus, settings: &Settings) {
    info.labels.insert("io.kubernetes.sandbox.id".to_owned(), status.id.clone());
    if let Some(pod) = &status.metadata {
        for (label, value) in [("uid", &pod.uid), ("name", &pod.name), ("namespace", &pod.namespace)] {
            info.labels.insert(format!("io.kubernetes.pod.{label}"), value.clone());
        }
    }
    let labels = status.labels.iter().filter(|(_, value)| value.len() <= settings.label_max_len);
    info.pod_sandbox_labels = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
    info.pod_sandbox_id.clone_from(&status.id);
    info.ip = status.network.as_ref().map(|network| network.ip.clone()).unwrap_or_default();
    let options = status.linux.as_ref().and_then(|linux| linux.namespaces.as_ref()?.options.clone());
    let options = options.unwrap_or_default();
    info.host_network = options.network == NODE;
    info.host_pid = options.pid == NODE;
    info.host_ipc = options.ipc == NODE;
}

/// A pod's sandbox as a container of its own.
fn pod_info(kind: ContainerType, told: PodSandboxStatusResponse, settings: &Settings) -> Option<Info> {
    let status = told.status?;
    let spec: Details = details(&told.info);
    let mut info = Info::new(kind, &status.id);
    info.is_pod_sandbox = true;
    info.name = status.metadata.as_ref().map(|pod| pod.name.clone()).unwrap_or_default();
    info.created_time = status.created_at / 1_000_000_000;
    info.label(&status.labels, settings.label_max_len);
    info.privileged = spec.is_privileged();
    info.cni_json = details::<SandboxDetails>(&told.info).cni_json();
    take_pod(&mut info, &status, settings);
    Some(info)
}

//! The description from which a low-level runtime starts a container (`config.json` of an OCI bundle): what it tells of the container,
//! and where runtimes keep it. It is there before the container runs, and needs no socket.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::EngineError;
use super::info::{Info, Mount, cpus_in, repository_and_tag};
use super::settings::Settings;
use crate::state::ContainerType;

/// The largest file of a runtime that is read, in bytes.
const FILE_MAX: u64 = 16 << 20;
/// Where the daemons of containerd keep bundles: below it `NAMESPACE/ID`.
const CONTAINERD: [&str; 3] = [
    "run/containerd/io.containerd.runtime.v2.task",
    "run/docker/containerd/daemon/io.containerd.runtime.v2.task",
    "run/k3s/containerd/io.containerd.runtime.v2.task",
];
/// Where CRI-O and Podman do: below it `ID/userdata`.
const STORAGE: [&str; 2] =
    ["run/containers/storage/overlay-containers", "var/lib/containers/storage/overlay-containers"];

/// What is read of a description.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Spec {
    process: Option<Process>,
    mounts: Option<Vec<SpecMount>>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    linux: Option<Linux>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Process {
    user: User,
    env: Option<Vec<String>>,
    #[serde(rename = "apparmorProfile")]
    apparmor_profile: String,
    #[serde(rename = "selinuxLabel")]
    selinux_label: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct User {
    uid: u32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SpecMount {
    destination: String,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    options: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Linux {
    namespaces: Option<Vec<Namespace>>,
    masked_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
    seccomp: Option<serde_json::Value>,
    rootfs_propagation: String,
    resources: Option<Resources>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resources {
    cpu: Option<Cpu>,
    memory: Option<Memory>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cpu {
    shares: Option<u64>,
    quota: Option<i64>,
    period: Option<u64>,
    cpus: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Memory {
    limit: Option<i64>,
    swap: Option<i64>,
}

impl Spec {
    /// Adds what it tells.
    pub(super) fn fill(&self, info: &mut Info) {
        if let Some(process) = &self.process {
            info.user = process.user.uid.to_string();
            info.env = process.env.clone().unwrap_or_default();
        }
        let no_linux = Linux::default();
        let linux = self.linux.as_ref().unwrap_or(&no_linux);
        info.mounts = self.mounts().map(|told| told.told(&linux.rootfs_propagation)).collect();
        info.privileged = self.is_privileged();
        // A namespace that is not listed is the host's.
        let own = |kind: &str| linux.namespaces.iter().flatten().any(|namespace| namespace.kind == kind);
        (info.host_pid, info.host_network, info.host_ipc) = (!own("pid"), !own("network"), !own("ipc"));
        if let Some(cpu) = linux.resources.as_ref().and_then(|resources| resources.cpu.as_ref()) {
            let given = |value: Option<u64>, default: i64| {
                value
                    .filter(|value| *value > 0)
                    .and_then(|value| i64::try_from(value).ok())
                    .unwrap_or(default)
            };
            info.cpu_shares = given(cpu.shares, info.cpu_shares);
            info.cpu_period = given(cpu.period, info.cpu_period);
            info.cpu_quota = cpu.quota.unwrap_or_default();
            info.cpuset_cpu_count = cpus_in(&cpu.cpus);
        }
        if let Some(memory) = linux.resources.as_ref().and_then(|resources| resources.memory.as_ref()) {
            info.memory_limit = memory.limit.unwrap_or_default();
            info.swap_limit = memory.swap.unwrap_or_default();
        }
    }

    fn mounts(&self) -> impl Iterator<Item = &SpecMount> {
        self.mounts.iter().flatten()
    }

    /// Runtimes do not say so: a privileged container is one in which nothing is masked, read-only or confined.
    fn is_privileged(&self) -> bool {
        let (Some(linux), Some(process)) = (&self.linux, &self.process) else { return false };
        let confined = !matches!(process.apparmor_profile.as_str(), "" | "unconfined");
        let limited = linux.masked_paths.as_ref().is_some_and(|paths| !paths.is_empty())
            || linux.readonly_paths.as_ref().is_some_and(|paths| !paths.is_empty())
            || linux.seccomp.is_some()
            || !process.selinux_label.is_empty();
        let kernels = self.mounts().filter(|mount| matches!(mount.kind.as_str(), "sysfs" | "cgroup"));
        !confined && !limited && !kernels.into_iter().any(SpecMount::is_read_only)
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// The first of these annotations that says something.
    fn first(&self, names: &[&str]) -> &str {
        names
            .iter()
            .filter_map(|name| self.annotation(name))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }

    /// Name, image, pod and labels, from what Kubernetes's runtimes write into it.
    fn annotate(&self, info: &mut Info, settings: &Settings) {
        let cri_o = self.annotation("io.kubernetes.cri-o.ContainerType").is_some();
        let kind = self.first(&["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"]);
        info.is_pod_sandbox = kind == "sandbox";
        if !kind.is_empty() {
            info.kind = if cri_o { ContainerType::Crio } else { ContainerType::Containerd } as u16;
        }
        let image = [
            "io.kubernetes.cri.image-name",
            "io.kubernetes.cri-o.ImageName",
            "io.kubernetes.cri-o.UserRequestedImage",
        ];
        info.image = self.first(&image).to_owned();
        let (repository, tag) = repository_and_tag(&info.image);
        (info.image_repo, info.image_tag) = (repository.to_owned(), tag.to_owned());
        let labels = self.first(&["io.kubernetes.cri-o.Labels"]);
        let labels: BTreeMap<String, String> = serde_json::from_str(labels).unwrap_or_default();
        info.label(&labels, settings.label_max_len);
        for (label, names) in POD {
            let value = self.first(names);
            if !value.is_empty() {
                info.labels.insert((*label).to_owned(), value.to_owned());
            }
        }
        let pod = info.labels.get("io.kubernetes.pod.name").cloned().unwrap_or_default();
        let name = self.first(&["io.kubernetes.cri.container-name", "io.kubernetes.container.name"]);
        info.name = if name.is_empty() || info.is_pod_sandbox { pod } else { name.to_owned() };
        let sandbox = ["io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"];
        info.pod_sandbox_id = self.first(&sandbox).to_owned();
        info.ip = self.first(&["io.kubernetes.cri-o.IP.0"]).to_owned();
        info.cni_json = self.first(&["io.kubernetes.cri-o.CNIResult"]).to_owned();
    }
}

/// The labels that a pod gives to its containers, and the annotations that say the same.
const POD: &[(&str, &[&str])] = &[
    ("io.kubernetes.pod.name", &["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"]),
    ("io.kubernetes.pod.namespace", &["io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"]),
    ("io.kubernetes.pod.uid", &["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"]),
];

impl SpecMount {
    fn is_read_only(&self) -> bool {
        self.options.iter().flatten().any(|option| option == "ro")
    }

    fn told(&self, propagation: &str) -> Mount {
        let mut options = self.options.iter().flatten();
        let mode = options.clone().find_map(|option| option.strip_prefix("mode="));
        let own = options.find(|option| {
            matches!(option.as_str(), "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave")
        });
        Mount {
            source: self.source.clone(),
            destination: self.destination.clone(),
            mode: mode.unwrap_or_default().to_owned(),
            rdwr: !self.is_read_only(),
            propagation: own.map_or(propagation, String::as_str).to_owned(),
        }
    }
}

/// What the bundle of a container tells of it, if there is one.
///
/// # Errors
/// If it is there and makes no sense.
pub(super) fn look_up(id: &str, settings: &Settings) -> Result<Option<Info>, EngineError> {
    // An id is a file's name here.
    if id.is_empty() || id.contains(['/', '\0']) || id.starts_with('.') {
        return Ok(None);
    }
    let Some((path, podman)) = find(id, &settings.host) else { return Ok(None) };
    let spec: Spec = match read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(EngineError::malformed)?,
        // It was removed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(EngineError::malformed(error)),
    };
    let docker = path.components().any(|part| part.as_os_str() == "moby");
    let kind = match (podman, docker) {
        (true, _) => ContainerType::Podman,
        (_, true) => ContainerType::Docker,
        _ => ContainerType::Containerd,
    };
    let mut info = Info::new(kind, id);
    spec.fill(&mut info);
    spec.annotate(&mut info, settings);
    info.incomplete = true;
    Ok(Some(info))
}

/// The file with a container's description, and whether it lies where Podman keeps its own.
fn find(id: &str, host: &Path) -> Option<(PathBuf, bool)> {
    for directory in CONTAINERD {
        for namespace in fs::read_dir(host.join(directory)).into_iter().flatten().flatten() {
            let path = namespace.path().join(id).join("config.json");
            if path.exists() {
                return Some((path, false));
            }
        }
    }
    let paths = STORAGE.iter().map(|directory| host.join(directory).join(id).join("userdata/config.json"));
    paths.into_iter().find(|path| path.exists()).map(|path| (path, true))
}

/// Reads a file of a runtime, if it is one and not too large.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe in its place must not keep anybody waiting.
    let file = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!("{} is not a file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(io::Error::other(format!("{} is larger than {FILE_MAX} bytes", path.display())));
    }
    Ok(bytes)
}

/// The description in an answer of containerd.
pub(super) fn parse(json: &[u8]) -> Result<Spec, EngineError> {
    serde_json::from_slice(json).map_err(EngineError::malformed)
}

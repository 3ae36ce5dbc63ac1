//! Containers: which one a process is in, told from its cgroups, and what container events say about it.

use super::thread::Bytes;

/// What runs a container (`container.type`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[allow(missing_docs)]
pub enum ContainerType {
    #[default]
    Docker,
    Podman,
    Containerd,
    Crio,
    Cri,
    Lxc,
    LibvirtLxc,
    Bpm,
    Static,
    Unknown,
}

/// A mount of a container.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Mount {
    pub source: Bytes,
    pub dest: Bytes,
    pub mode: Bytes,
    pub rdwr: bool,
    pub propagation: Bytes,
}

/// What is known of a container. Strings that nobody told are empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct ContainerInfo {
    /// `container.id`: the first twelve characters of the full id.
    pub id: Bytes,
    pub full_id: Bytes,
    pub kind: ContainerType,
    /// Whether more than id and type is known.
    pub described: bool,
    pub name: Bytes,
    pub image: Bytes,
    pub image_id: Bytes,
    pub image_repo: Bytes,
    pub image_tag: Bytes,
    pub image_digest: Bytes,
    pub ip: Bytes,
    pub cni_json: Bytes,
    pub privileged: bool,
    pub host_pid: bool,
    pub host_network: bool,
    pub host_ipc: bool,
    pub created: i64,
    pub labels: Vec<(Bytes, Bytes)>,
    pub env: Vec<Bytes>,
    pub mounts: Vec<Mount>,
    pub pod_sandbox_id: Bytes,
    pub pod_sandbox_labels: Vec<(Bytes, Bytes)>,
}

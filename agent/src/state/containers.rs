//! Containers: which one a process is in (its cgroups tell, see `cgroup`), and what container events say about each.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;

use super::cgroup::CgroupContainer;
use super::thread::Bytes;

/// What runs a container. The numbers are those of container events (`CT_*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[allow(missing_docs)]
pub enum ContainerType {
    Docker = 0,
    Lxc = 1,
    LibvirtLxc = 2,
    Mesos = 3,
    Rkt = 4,
    Custom = 5,
    Cri = 6,
    Containerd = 7,
    Crio = 8,
    Bpm = 9,
    Static = 10,
    Podman = 11,
    #[default]
    Unknown = 0xffff,
}

impl ContainerType {
    /// From the number in a container event.
    pub fn from_number(number: u64) -> Self {
        use ContainerType::*;
        const ALL: [ContainerType; 12] =
            [Docker, Lxc, LibvirtLxc, Mesos, Rkt, Custom, Cri, Containerd, Crio, Bpm, Static, Podman];
        usize::try_from(number).ok().and_then(|number| ALL.get(number).copied()).unwrap_or_default()
    }

    /// `container.type`; empty for types that have no name there.
    pub fn name(self) -> &'static str {
        use ContainerType::*;
        match self {
            Docker => "docker",
            Lxc => "lxc",
            LibvirtLxc => "libvirt-lxc",
            Mesos => "mesos",
            Rkt => "rkt",
            Cri => "cri",
            Containerd => "containerd",
            Crio => "cri-o",
            Bpm => "bpm",
            Podman => "podman",
            Custom | Static | Unknown => "",
        }
    }
}

/// A mount of a container.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs)]
pub struct Mount {
    #[serde(deserialize_with = "text")]
    pub source: Bytes,
    #[serde(rename = "Destination", deserialize_with = "text")]
    pub dest: Bytes,
    #[serde(deserialize_with = "text")]
    pub mode: Bytes,
    #[serde(rename = "RW", deserialize_with = "truth")]
    pub rdwr: bool,
    #[serde(deserialize_with = "text")]
    pub propagation: Bytes,
}

/// What is known of a container. What nobody told is empty, false or 0. The names are those of container events.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct ContainerInfo {
    /// `container.id`: the first twelve characters of the full id.
    #[serde(deserialize_with = "text")]
    pub id: Bytes,
    #[serde(deserialize_with = "text")]
    pub full_id: Bytes,
    #[serde(rename = "type", deserialize_with = "kind")]
    pub kind: ContainerType,
    #[serde(deserialize_with = "text")]
    pub name: Bytes,
    #[serde(deserialize_with = "text")]
    pub image: Bytes,
    #[serde(rename = "imageid", deserialize_with = "text")]
    pub image_id: Bytes,
    #[serde(rename = "imagerepo", deserialize_with = "text")]
    pub image_repo: Bytes,
    #[serde(rename = "imagetag", deserialize_with = "text")]
    pub image_tag: Bytes,
    #[serde(rename = "imagedigest", deserialize_with = "text")]
    pub image_digest: Bytes,
    #[serde(rename = "User", deserialize_with = "text")]
    pub user: Bytes,
    #[serde(deserialize_with = "text")]
    pub ip: Bytes,
    #[serde(deserialize_with = "text")]
    pub cni_json: Bytes,
    #[serde(deserialize_with = "truth")]
    pub privileged: bool,
    #[serde(deserialize_with = "truth")]
    pub host_pid: bool,
    #[serde(deserialize_with = "truth")]
    pub host_network: bool,
    #[serde(deserialize_with = "truth")]
    pub host_ipc: bool,
    #[serde(deserialize_with = "truth")]
    pub is_pod_sandbox: bool,
    #[serde(deserialize_with = "number")]
    pub created_time: i64,
    #[serde(deserialize_with = "pairs")]
    pub labels: Vec<(Bytes, Bytes)>,
    #[serde(deserialize_with = "texts")]
    pub env: Vec<Bytes>,
    #[serde(rename = "Mounts", deserialize_with = "mounts")]
    pub mounts: Vec<Mount>,
    #[serde(deserialize_with = "text")]
    pub pod_sandbox_id: Bytes,
    #[serde(deserialize_with = "pairs")]
    pub pod_sandbox_labels: Vec<(Bytes, Bytes)>,
    /// Only files of its runtime told, the runtime itself not yet.
    #[serde(deserialize_with = "truth")]
    pub incomplete: bool,
}

/// A container event wraps what it says.
#[derive(Deserialize)]
struct Envelope {
    container: ContainerInfo,
}

impl ContainerInfo {
    /// From the JSON of a container event; `None` if it is none.
    pub fn from_json(json: &[u8]) -> Option<Self> {
        // Old events end in a NUL.
        let json = json.strip_suffix(b"\0").unwrap_or(json);
        Some(serde_json::from_slice::<Envelope>(json).ok()?.container)
    }
}

fn bytes(value: &Value) -> Bytes {
    value.as_str().unwrap_or_default().as_bytes().into()
}

fn text<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Bytes, D::Error> {
    Ok(bytes(&Value::deserialize(from)?))
}

fn truth<'d, D: serde::Deserializer<'d>>(from: D) -> Result<bool, D::Error> {
    Ok(Value::deserialize(from)?.as_bool().unwrap_or_default())
}

fn number<'d, D: serde::Deserializer<'d>>(from: D) -> Result<i64, D::Error> {
    Ok(Value::deserialize(from)?.as_i64().unwrap_or_default())
}

fn kind<'d, D: serde::Deserializer<'d>>(from: D) -> Result<ContainerType, D::Error> {
    Ok(ContainerType::from_number(Value::deserialize(from)?.as_u64().unwrap_or(u64::MAX)))
}

fn pairs<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Vec<(Bytes, Bytes)>, D::Error> {
    let value = Value::deserialize(from)?;
    let pairs = value.as_object().into_iter().flatten();
    Ok(pairs.map(|(name, value)| (name.as_bytes().into(), bytes(value))).collect())
}

fn texts<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Vec<Bytes>, D::Error> {
    Ok(Value::deserialize(from)?.as_array().into_iter().flatten().map(bytes).collect())
}

fn mounts<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Vec<Mount>, D::Error> {
    let value = Value::deserialize(from)?;
    let mounts = value.as_array().into_iter().flatten();
    Ok(mounts.filter_map(|mount| Mount::deserialize(mount).ok()).collect())
}

/// A container that a thread is in or that an event told of.
#[derive(Debug)]
struct Entry {
    id: Bytes,
    threads: u32,
    info: Option<Box<ContainerInfo>>,
}

/// Containers, each with a stable index while a thread is in it or something is known of it.
#[derive(Debug, Default)]
pub(super) struct Containers {
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_id: FxHashMap<Bytes, u32>,
    described: usize,
}

impl Containers {
    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)?.as_ref()
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    /// The short id.
    pub(super) fn id(&self, index: u32) -> Option<&[u8]> {
        Some(&self.entry(index)?.id)
    }

    /// What is known, if anything is.
    pub(super) fn info(&self, index: u32) -> Option<&ContainerInfo> {
        self.entry(index)?.info.as_deref()
    }

    /// All of which something is known.
    pub(super) fn all(&self) -> impl Iterator<Item = &ContainerInfo> {
        self.entries.iter().flatten().filter_map(|entry| entry.info.as_deref())
    }

    fn index(&mut self, id: &[u8]) -> u32 {
        if let Some(&index) = self.by_id.get(id) {
            return index;
        }
        let id = Bytes::from(id);
        let entry = Some(Entry { id: id.clone(), threads: 0, info: None });
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.entries.push(None);
                (self.entries.len() - 1) as u32
            }
        };
        if let Some(place) = self.entries.get_mut(index as usize) {
            *place = entry;
        }
        self.by_id.insert(id, index);
        index
    }

    /// How many are known.
    pub(super) fn described(&self) -> usize {
        self.described
    }

    /// A thread enters a container.
    pub(super) fn acquire(&mut self, id: &[u8]) -> u32 {
        let index = self.index(id);
        self.retain(index);
        index
    }

    /// One more thread is in a container.
    pub(super) fn retain(&mut self, index: u32) {
        if let Some(entry) = self.entry_mut(index) {
            entry.threads = entry.threads.saturating_add(1);
        }
    }

    /// A thread leaves a container.
    pub(super) fn release(&mut self, index: u32) {
        if let Some(entry) = self.entry_mut(index) {
            entry.threads = entry.threads.saturating_sub(1);
        }
        self.forget_unused(index);
    }

    fn forget_unused(&mut self, index: u32) {
        if self.entry(index).is_some_and(|entry| entry.threads == 0 && entry.info.is_none())
            && let Some(entry) = self.entries.get_mut(index as usize).and_then(Option::take)
        {
            self.by_id.remove(&entry.id);
            self.free.push(index);
        }
    }

    /// Something becomes known of a container. `None` if `limit` containers are known already and a thread is in each.
    pub(super) fn describe(&mut self, info: ContainerInfo, limit: usize) -> Option<u32> {
        let known = self.by_id.get(&info.id).is_some_and(|&index| self.info(index).is_some());
        if !known && self.described >= limit {
            let idle = (0..self.entries.len() as u32)
                .find(|&index| self.entry(index).is_some_and(|e| e.threads == 0 && e.info.is_some()))?;
            self.undescribe(idle);
        }
        let index = self.index(&info.id);
        self.described += usize::from(!known);
        self.entry_mut(index)?.info = Some(Box::new(info));
        Some(index)
    }

    /// A container is gone: what was known of it is forgotten.
    pub(super) fn undescribe(&mut self, index: u32) {
        if self.entry_mut(index).is_some_and(|entry| entry.info.take().is_some()) {
            self.described -= 1;
        }
        self.forget_unused(index);
    }
}

/// The id of the container that cgroups tell of: the first of the (subsystem, path) pairs in which one is found.
pub(super) fn id_from_cgroups<'c>(
    mut cgroups: impl Iterator<Item = (&'c [u8], &'c [u8])>,
) -> Option<(&'c [u8], ContainerType)> {
    cgroups.find_map(|(_, path)| CgroupContainer::of_path(path)).map(|found| (found.short_id(), found.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_describe_containers() {
        let json = br#"{"container":{"id":"32a1026ccb88","type":11,"name":"x","image":"fedora:38","labels":{"a":"b"},
            "Mounts":[{"Source":"/s","Destination":"/d","Mode":"","RW":true,"Propagation":"rprivate"}],"ip":null,
            "privileged":true,"pod_sandbox_labels":null,"created_time":1730971086,"cpu_quota":{"odd":1}}}"#;
        let info = ContainerInfo::from_json(json).unwrap();
        assert_eq!(
            (info.kind, &*info.image, info.privileged),
            (ContainerType::Podman, &b"fedora:38"[..], true)
        );
        assert_eq!(info.mounts[0].dest[..], b"/d"[..]);
        assert_eq!(info.labels, [(Bytes::from(&b"a"[..]), Bytes::from(&b"b"[..]))]);
        assert!(ContainerInfo::from_json(b"{").is_none() && ContainerInfo::from_json(b"{}").is_none());
    }

    #[test]
    fn descriptions_are_bounded() {
        let mut containers = Containers::default();
        let info = |id: &[u8]| ContainerInfo { id: id.into(), ..ContainerInfo::default() };
        let a = containers.acquire(b"a");
        assert_eq!(containers.describe(info(b"a"), 1), Some(a));
        assert_eq!(containers.describe(info(b"b"), 1), None);
        containers.release(a);
        assert!(containers.info(a).is_some());
        assert!(containers.describe(info(b"b"), 1).is_some());
        assert_eq!(containers.by_id.len(), 1);
    }
}

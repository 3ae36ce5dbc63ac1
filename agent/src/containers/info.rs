//! What a runtime tells of a container, in the form of a container event: the state's decoder reads it back.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::state::ContainerType;

/// How many characters of an id are shown.
const SHORT_ID: usize = 12;
/// How much of what a runtime says of a pod's network is kept, in bytes.
const CNI_MAX: usize = 4096;
/// How much of an environment is kept, in bytes: nothing shows it, only captures have it.
const ENV_MAX: usize = 8192;
/// How many labels, mounts and variables of a container are kept.
const LIST_MAX: usize = 512;
/// The longest container event, in bytes. What is longer loses its environment, then its labels and mounts.
pub(super) const JSON_MAX: usize = 60 << 10;

/// A container. What nobody told is empty, false or 0; the names are those of container events.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Info {
    #[serde(rename = "type")]
    pub kind: u16,
    pub id: String,
    pub name: String,
    pub image: String,
    #[serde(rename = "imagedigest")]
    pub image_digest: String,
    #[serde(rename = "imageid")]
    pub image_id: String,
    #[serde(rename = "imagerepo")]
    pub image_repo: String,
    #[serde(rename = "imagetag")]
    pub image_tag: String,
    #[serde(rename = "User")]
    pub user: String,
    pub cni_json: String,
    pub cpu_period: i64,
    pub cpu_quota: i64,
    pub cpu_shares: i64,
    pub cpuset_cpu_count: i64,
    /// Seconds since the epoch.
    pub created_time: i64,
    pub env: Vec<String>,
    pub full_id: String,
    pub host_ipc: bool,
    pub host_network: bool,
    pub host_pid: bool,
    pub ip: String,
    /// Bytes of its writable layer; -1 is not asked for.
    pub size: i64,
    pub is_pod_sandbox: bool,
    pub labels: BTreeMap<String, String>,
    pub memory_limit: i64,
    pub swap_limit: i64,
    pub pod_sandbox_id: String,
    pub privileged: bool,
    pub pod_sandbox_labels: BTreeMap<String, String>,
    pub port_mappings: Vec<Port>,
    #[serde(rename = "Mounts")]
    pub mounts: Vec<Mount>,
    #[serde(rename = "Healthcheck", skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Probe>,
    #[serde(rename = "LivenessProbe", skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,
    #[serde(rename = "ReadinessProbe", skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,
    /// Only the files of the runtime told, not the runtime itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

/// A mount of a container.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Mount {
    pub source: String,
    pub destination: String,
    pub mode: String,
    #[serde(rename = "RW")]
    pub rdwr: bool,
    pub propagation: String,
}

/// A published port.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Port {
    pub host_ip: u32,
    pub host_port: u16,
    pub container_port: u16,
}

/// A program that says whether a container is well.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct Probe {
    pub exe: String,
    pub args: Vec<String>,
}

/// What is wrapped around it.
#[derive(Serialize)]
struct Envelope<'i> {
    container: &'i Info,
}

impl Info {
    /// A container of which only this is known.
    pub fn new(kind: ContainerType, full_id: &str) -> Info {
        Info {
            kind: kind as u16,
            id: short_id(full_id).to_owned(),
            full_id: full_id.to_owned(),
            cpu_period: 100_000,
            cpu_shares: 1024,
            size: -1,
            ..Info::default()
        }
    }

    /// Takes over labels, without those whose value is longer than `longest` characters.
    pub fn label<'l>(&mut self, labels: impl IntoIterator<Item = (&'l String, &'l String)>, longest: usize) {
        let kept = labels.into_iter().filter(|(_, value)| value.len() <= longest);
        self.labels.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    }

    /// The JSON of its container event.
    pub fn json(&self) -> Vec<u8> {
        let mut info = self.clone();
        truncate(&mut info.cni_json, CNI_MAX);
        info.env.truncate(LIST_MAX);
        info.mounts.truncate(LIST_MAX);
        for labels in [&mut info.labels, &mut info.pod_sandbox_labels] {
            let most = labels.keys().nth(LIST_MAX).cloned();
            if let Some(most) = most {
                labels.split_off(&most);
            }
        }
        let mut room = ENV_MAX;
        info.env.retain(|variable| {
            let fits = variable.len() <= room;
            room -= if fits { variable.len() } else { 0 };
            fits
        });
        for part in 0..4 {
            let json = serde_json::to_vec(&Envelope { container: &info }).unwrap_or_default();
            if json.len() <= JSON_MAX {
                return json;
            }
            match part {
                0 => info.env.clear(),
                1 => info.labels.retain(|name, _| name.starts_with("io.kubernetes.")),
                _ => info.mounts.clear(),
            }
            info.pod_sandbox_labels.retain(|_, _| part == 0);
        }
        // Names and ids that long are no container's.
        let bare = Info { kind: self.kind, id: self.id.clone(), incomplete: true, ..Info::default() };
        serde_json::to_vec(&Envelope { container: &bare }).unwrap_or_default()
    }
}

/// The part of an id that is shown.
pub(super) fn short_id(full_id: &str) -> &str {
    full_id.char_indices().nth(SHORT_ID).map_or(full_id, |(end, _)| &full_id[..end])
}

/// The JSON of the event that a container is gone.
pub(super) fn removed(short_id: &str) -> Vec<u8> {
    let gone = Info { kind: u16::MAX, id: short_id.to_owned(), ..Info::default() };
    serde_json::to_vec(&Envelope { container: &gone }).unwrap_or_default()
}

fn truncate(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
}

/// Repository and tag of an image's name: `quay.io:5000/a/b:c@sha256:d` is `quay.io:5000/a/b` and `c`.
pub(crate) fn repository_and_tag(image: &str) -> (&str, &str) {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[last..].find(':') {
        Some(colon) => (&name[..last + colon], &name[last + colon + 1..]),
        None => (name, ""),
    }
}

/// How many CPUs a list as `0-3,7` names; 0 if it is empty or makes no sense.
pub(super) fn cpus_in(list: &str) -> i64 {
    let count = |part: &str| -> Option<i64> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse::<u32>().ok()?, last.trim().parse::<u32>().ok()?);
        Some(i64::from(last.checked_sub(first)?) + 1)
    };
    list.split(',').map(count).sum::<Option<i64>>().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ContainerInfo;

    #[test]
    fn the_state_reads_it_back() {
        let mut info = Info::new(ContainerType::Podman, &"ab".repeat(32));
        info.name = "web".to_owned();
        info.mounts.push(Mount {
            source: "/s".into(),
            destination: "/d".into(),
            rdwr: true,
            ..Mount::default()
        });
        info.label([(&"a".to_owned(), &"b".to_owned()), (&"long".to_owned(), &"x".repeat(101))], 100);
        let read = ContainerInfo::from_json(&info.json()).unwrap();
        assert_eq!((read.kind, &read.id[..]), (ContainerType::Podman, &b"abababababab"[..]));
        assert_eq!(
            (&read.name[..], &read.mounts[0].dest[..], read.mounts[0].rdwr),
            (&b"web"[..], &b"/d"[..], true)
        );
        assert_eq!(read.labels.len(), 1);
        assert_eq!(ContainerInfo::from_json(&removed("abc")).unwrap().id[..], b"abc"[..]);
    }

    #[test]
    fn events_are_bounded() {
        let mut info = Info::new(ContainerType::Docker, "c");
        for number in 0..2000 {
            info.env.push(format!("V{number}={}", "e".repeat(50)));
            info.labels.insert(format!("label{number}"), "l".repeat(90));
            info.mounts.push(Mount { source: "s".repeat(200), ..Mount::default() });
        }
        info.cni_json = "ä".repeat(5000);
        let json = info.json();
        assert!(json.len() <= JSON_MAX && ContainerInfo::from_json(&json).is_some());
        info.name = "n".repeat(JSON_MAX);
        let read = ContainerInfo::from_json(&info.json()).unwrap();
        assert_eq!((&read.id[..], read.name.len()), (&b"c"[..], 0));
    }

    #[test]
    fn images_have_a_repository_and_a_tag() {
        for (image, repository, tag) in [
            ("fedora:38", "fedora", "38"),
            ("fedora", "fedora", ""),
            ("fedora@sha256:ab", "fedora", ""),
            ("localhost:5000/a/b", "localhost:5000/a/b", ""),
            ("localhost:5000/a/b:c", "localhost:5000/a/b", "c"),
            ("a/b:c@sha256:12", "a/b", "c"),
            ("a/b@sha256:12", "a/b", ""),
            ("registry:5000/a/b:1@sha256:ab", "registry:5000/a/b", "1"),
            ("", "", ""),
        ] {
            assert_eq!(repository_and_tag(image), (repository, tag), "{image}");
        }
    }

    #[test]
    fn cpus_are_counted() {
        for (list, count) in [("", 0), ("0", 1), ("0-3,7", 5), ("3-1", 0), ("x", 0)] {
            assert_eq!(cpus_in(list), count, "{list}");
        }
    }
}
